"""A policy, a rule or a table of targets over a period -> a ledger of what the account did."""
