"""Measures of how right an explanation is. Nothing is run or drawn."""
