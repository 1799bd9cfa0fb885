"""`bench compare`: whether one run is better than another. Nothing is scored."""
