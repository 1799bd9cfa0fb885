"""From the name of a data set to videos, frames and pixels; nothing about faces."""
