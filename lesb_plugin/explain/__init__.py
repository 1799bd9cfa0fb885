"""`bench explain`: where a score comes from, as a report. Maps are made in explainers/."""
