"""The host's own plugin: what it brings itself. Nothing below it may know of it."""
