"""One file a split: which events train, validate and test."""
