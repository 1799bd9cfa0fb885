"""`bench train`: a fake/real network made from real faces alone, by blending them."""
