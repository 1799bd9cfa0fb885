"""From frames to rows of scores, in chunks from which a run resumes; no metrics."""
