"""The host's own plugin: backbones, detectors, data sets, metrics and reporters that come with it."""
