"""The guest: LFD, LESB and what they need. It imports only names in `registry.__all__`."""
