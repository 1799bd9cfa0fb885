"""Detectors as torch modules, for programs of others. No data, no command."""
