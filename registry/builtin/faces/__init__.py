"""Face detectors and landmarkers that come with the host. No crops."""
