"""One file a metric (or a family of the same formula at several k)."""
