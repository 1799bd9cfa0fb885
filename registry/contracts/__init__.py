"""What plugins and the host hand each other: data, backbones, detectors. Nothing is loaded."""
