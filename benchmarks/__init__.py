"""`make bench`: every framework beside its peers and the limit of the machine (README.md here says how to read it)."""
