"""Tensor parts: plain modules and functions that have no idea of data."""
