"""`bench prepare`: turn videos and images into face crops on disk. Nothing is scored."""
