"""Registers LESB."""
