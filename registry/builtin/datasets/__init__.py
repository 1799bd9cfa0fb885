"""Layouts of data sets, one file each: folders and lists in, videos out; neither faces nor
pixels.
"""
