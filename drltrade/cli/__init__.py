"""The `drltrade` command. Exit codes: 0 done, 1 the work failed, 2 it was asked for wrongly."""

import gc
import sys

SELDOM = 50_000
"""New objects between two garbage collections: Python's 700 take a fifth of the time to start."""


def main() -> None:
    """Entry point: run the command; errors that a user can mend become one line."""
    gc.set_threshold(SELDOM)
    from drltrade.cli.app import app
    from drltrade.errors import ConfigError, DrltradeError

    try:
        app()
    except (DrltradeError, OSError) as error:
        # An OSError (a read-only folder, a full disk) names its file itself.
        print(f"drltrade: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2 if isinstance(error, ConfigError) else 1)
