"""Ledgers -> what a person reads: the results table, the verdict, the figures and the HTML page."""
