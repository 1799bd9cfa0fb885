"""LESB on features pooled inside the face's parts; no subspaces."""
