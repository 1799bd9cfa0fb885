"""Explanations: where in a face, and in which of its parts, a detector's score comes from."""
