"""Explainers: maps and part scores that show why a detector says fake. No command, no report."""
