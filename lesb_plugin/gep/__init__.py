"""LESB in contrastive subspaces, which respond to one part. Its heads are those of lesb/."""
