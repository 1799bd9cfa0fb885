"""Layouts of data sets, a file each: folders and lists in, videos out. No faces, no pixels."""
