"""One file a source: what a user has on disk or in memory, read into tables."""
