"""Local Feature Discovery: local subspaces in the embedding of any backbone. Nothing of LESB."""
