"""The rows of an audit's table: measures over evidence, with intervals. No faces are read."""
