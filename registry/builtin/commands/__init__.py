"""Subcommands of `bench` of a file or two: flags, what is printed. Work is done in tasks/."""
