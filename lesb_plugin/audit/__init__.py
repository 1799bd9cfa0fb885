"""`bench audit`: how good explanations are, beside what ignores the face. It explains nothing."""
