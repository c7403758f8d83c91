"""Agents: one algorithm a file, and the small pure functions, networks and buffers they share."""
