"""`bench explain`: report where a score comes from. Maps are made in explainers/."""
