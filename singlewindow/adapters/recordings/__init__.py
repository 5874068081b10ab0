"""Exchanges with an agency kept in a file, and played again before another version of its adapter."""
