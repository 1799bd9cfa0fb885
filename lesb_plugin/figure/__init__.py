"""`bench figure`: pages of pictures of a finished run, as the paper's Figures 5 to 7."""
