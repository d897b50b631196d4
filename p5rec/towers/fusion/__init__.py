"""One file a fusion: several parts of an item into one vector."""
