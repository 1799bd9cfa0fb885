"""What plugins and the host exchange: data, backbones, detectors. Nothing heavy is loaded."""
