"""From scores to numbers with intervals and where they come from. No plugin, no torch."""
