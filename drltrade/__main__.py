"""`python -m drltrade` is the command."""

from drltrade.cli import main

main()
