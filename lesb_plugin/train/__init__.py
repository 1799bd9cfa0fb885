"""`bench train`: a fake/real network from real faces alone. Its fakes come from pseudo_fakes/."""
