"""Rows of `bench audit --extended`, of many forward passes a face. What is quick is in rows/."""
