"""Configurations: from defaults, YAML and flags to checked dataclasses. Nothing acts on them."""
