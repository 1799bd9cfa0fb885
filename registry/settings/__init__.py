"""Turn defaults, YAML and flags into checked dataclasses."""
