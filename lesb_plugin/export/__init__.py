"""`bench export`: a fitted LESB for programs that do not know this package. Nothing is fitted."""
