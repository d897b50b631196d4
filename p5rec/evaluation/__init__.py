"""Honest measurement and the report that shows it."""
