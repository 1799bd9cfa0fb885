"""A result to read: tables in the terminal, report.html with its pictures. No number is made."""
