"""Dispatch: ready-streams in Valkey, the lanes that work through tasks, and retry."""
