"""How good an explanation is: measured beside what knows nothing of the face."""
