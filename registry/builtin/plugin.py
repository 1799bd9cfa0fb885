"""Table of contents of what the host brings itself."""
