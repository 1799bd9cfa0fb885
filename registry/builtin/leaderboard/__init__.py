"""`bench leaderboard`: runs beside published numbers. Nothing is computed of predictions."""
