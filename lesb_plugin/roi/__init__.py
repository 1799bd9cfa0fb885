"""LESB on features pooled inside of the face's parts. Nothing of subspaces."""
