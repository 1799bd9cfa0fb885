"""How right an explanation is, as numbers. Nothing is run or drawn."""
