"""From frames to rows of scores, in chunks that a run resumes from. Nothing of metrics."""
