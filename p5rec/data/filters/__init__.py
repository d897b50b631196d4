"""One file a filter: which events are kept, and the reason where one is not."""
