"""Make fakes of real faces, and pairs of both to learn from. No network is trained here."""
