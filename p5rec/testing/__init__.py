"""Worlds with a known answer and contract checks; ships with the package for authors of plugs."""
