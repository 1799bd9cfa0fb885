"""Present results: tables in the terminal, report.html with its pictures. Nothing is computed."""
