"""One file an index of vectors."""
