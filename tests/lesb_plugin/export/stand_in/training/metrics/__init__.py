"""Stands in for the package of this name in a DeepfakeBench checkout."""
