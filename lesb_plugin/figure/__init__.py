"""`bench figure`: pictures of a finished run, as the paper's Figures 5 to 7. No scoring."""
