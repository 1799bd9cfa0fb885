"""`bench export`: write a fitted LESB for programs without this package. Nothing is fitted."""
