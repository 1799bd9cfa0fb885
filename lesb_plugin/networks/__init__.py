"""Detectors as torch modules, for other programs. No data, no command."""
