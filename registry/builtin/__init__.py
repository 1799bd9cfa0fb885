"""The host's own plugin: the backbones, detectors, data, metrics and reports that it brings."""
