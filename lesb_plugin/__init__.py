"""The guest: LFD, LESB and what they need. Imports only names in `registry.__all__`."""
