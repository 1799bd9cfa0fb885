"""Tests: a tree like that of the packages; what several of them use is in `tests.shared`."""
