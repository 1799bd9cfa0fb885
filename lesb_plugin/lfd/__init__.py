"""Local Feature Discovery: local subspaces in the global embedding of any backbone."""
