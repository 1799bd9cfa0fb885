"""The rows of `bench audit --extended`: what takes many forward passes for each face."""
