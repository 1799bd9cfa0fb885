"""The Locally-Explainable Self-Blended detector on LFD: fit, heads, fusion. No fake is made."""
