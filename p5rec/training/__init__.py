"""The one way to train."""
