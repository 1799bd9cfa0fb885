"""From the name of a data set to videos, frames and pixels. Nothing of faces."""
