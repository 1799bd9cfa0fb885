"""From scores to numbers with intervals and provenance. No plugins, no torch."""
