"""Data sets by the JSON files of DeepfakeBench. None of its metrics."""
