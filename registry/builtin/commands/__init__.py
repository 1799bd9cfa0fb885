"""The subcommands of `bench` that are a file or two: flags, the call of a task, what is printed."""
