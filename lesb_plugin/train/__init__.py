"""`bench train`: train a fake/real network on real faces and pseudo-fakes of pseudo_fakes/."""
