"""`bench leaderboard`: runs next to published numbers. No metric is computed."""
