"""Face detectors and landmarkers that come with the host; crops are made elsewhere."""
