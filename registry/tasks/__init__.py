"""What `bench` does, as functions: evaluate, fit, predict, train, audit. No flags or tables."""
