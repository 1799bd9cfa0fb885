"""`bench audit`: measure how good explanations are, against baselines that ignore the face."""
