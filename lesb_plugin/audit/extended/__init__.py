"""Rows of `bench audit --extended`, with many forward passes per face. Quick ones are in rows/."""
