"""LESB in contrastive subspaces: directions that change with one part and with nothing else."""
