"""The detector as one file for other programs, Python 3.7 and torch alone. Only copied."""
