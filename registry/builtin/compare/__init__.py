"""`bench compare`: test whether one run is better than another. Nothing is scored."""
