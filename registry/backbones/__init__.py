"""Networks by name, with their weights, on a device; nothing specific to detectors."""
