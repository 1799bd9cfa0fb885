"""What plugins register, and how it is found by name; not how it is used."""
