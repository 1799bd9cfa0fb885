"""Pictures and curves for people: overlays, TensorBoard. Nothing is computed of a network."""
