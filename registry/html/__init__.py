"""Pages of HTML: escaped markup, one skeleton, one style sheet. Nothing of what stands on them."""
