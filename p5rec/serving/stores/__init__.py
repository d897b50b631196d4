"""One file an event store."""
