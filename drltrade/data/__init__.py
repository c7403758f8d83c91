"""Bars in, checked bars out: the embedded data sets and price files.

Import from the submodules: `bars` (what a checked series is), `files` (CSV and parquet), `embedded`
(what ships with drltrade) and `catalog` (`load_bars`, by name or path).
"""
