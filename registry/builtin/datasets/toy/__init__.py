"""The data set `toy`: faces that are drawn, real and forged. Nothing is downloaded."""
