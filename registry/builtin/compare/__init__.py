"""`bench compare`: whether one run is better than another. Nothing else may import its tests."""
