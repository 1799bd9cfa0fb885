"""What plugins register, and how it is found by name. Nothing that uses it."""
