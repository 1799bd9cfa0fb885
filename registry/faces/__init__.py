"""From a frame to the crops of its faces, and real faces to learn from; no networks that score."""
