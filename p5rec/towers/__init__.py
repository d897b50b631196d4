"""Towers: all that is known of an item or user, as one vector."""
