"""Pictures and curves: overlays, TensorBoard. No network is run."""
