"""Stands in for the package of this name in a DeepfakeBench checkout."""

from metrics.registry import DETECTOR

__all__ = ["DETECTOR"]
