"""The Locally-Explainable Self-Blended detector, built on LFD."""
