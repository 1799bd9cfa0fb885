"""A plugin of bench to copy from."""
