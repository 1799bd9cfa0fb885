"""Small subcommands of `bench`: their flags and their output. The work is done in tasks/."""
