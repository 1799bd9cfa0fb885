"""Networks by name, with their weights, on a device. Nothing of detectors."""
