"""`bench audit`: how good explanations are, against baselines that ignore the face. It explains nothing."""
