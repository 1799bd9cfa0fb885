"""The host's own plugin: everything that it registers itself. No layer below may import it."""
