"""Registers LFD."""
