"""`bench leaderboard`: runs beside published numbers. No metric is computed."""
