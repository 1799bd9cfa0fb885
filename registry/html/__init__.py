"""HTML pages: escaped markup, one skeleton, one style sheet; no content."""
