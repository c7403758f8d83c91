"""Gymnasium faces of the market."""
