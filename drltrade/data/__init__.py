"""Bars in, checked bars out.

Import from the submodules: `bars` (what a checked series is), `catalog` (`load_bars`, by name or
path); `files` and `layout` (CSV and parquet, and what they do not say themselves), `embedded` (what
ships with drltrade); `importing`, `sources` and `fetching` (ways into the store), `store` and
`stored` (the store, and its series as bars); `quality` (what is wrong), `repair` (what can be
mended), `adjust` (splits and dividends).
"""
