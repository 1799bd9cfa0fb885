"""The data set `toy`: drawn faces, real and forged. Nothing is downloaded."""
