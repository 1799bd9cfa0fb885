"""LESB in contrastive subspaces, which change with one part. Its heads are those of lesb/."""
