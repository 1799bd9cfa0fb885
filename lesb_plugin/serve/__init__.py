"""`bench serve`: the reports of `bench explain` on a page of this machine."""
