"""`bench prepare`: videos and images to face crops on disk. Nothing is scored."""
