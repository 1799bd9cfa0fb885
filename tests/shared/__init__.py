"""Drawn faces, small networks and runs that tests share. No test of its own."""
