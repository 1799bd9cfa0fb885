"""Build a detector from its name: backbone, artefact, options. It is not fitted or run here."""
