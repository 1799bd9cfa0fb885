"""Stands in for the package of this name: every data set is imported, whichever is used."""

from . import aligned, augmented, latent, pictures

__all__ = ["aligned", "augmented", "latent", "pictures"]
