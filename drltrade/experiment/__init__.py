"""Presets, runs on disk, and the whole way from a name to a report."""
