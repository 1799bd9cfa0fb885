"""Maps and part scores of why a detector says fake. No command, no report."""
