"""Checking and reading X, y and sample weights."""
