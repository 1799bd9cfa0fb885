"""`bench benchmark`: how fast this project is beside other ways to the same numbers."""
