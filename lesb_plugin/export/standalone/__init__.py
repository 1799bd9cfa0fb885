"""What `bench export deepfakebench --standalone` copies; imported inside of a checkout alone."""
