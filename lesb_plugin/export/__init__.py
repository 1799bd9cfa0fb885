"""`bench export`: a fitted LESB for programs that know nothing of this package."""
