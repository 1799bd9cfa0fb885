"""Local Feature Discovery: local subspaces in the embedding of any backbone. Independent of
LESB.
"""
