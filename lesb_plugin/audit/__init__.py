"""`bench audit`: how good explanations are, beside what knows no face. It explains nothing."""
