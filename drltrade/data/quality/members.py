"""Members of a universe whose prices are missing: what is left are the survivors."""

from collections.abc import Iterator, Mapping

import pandas as pd

from drltrade.data.quality.finding import Finding
from drltrade.data.universe import Universe, without_prices

NAMED = 5
"""Members that are named."""


def of_members(frames: Mapping[str, pd.DataFrame], universe: Universe) -> Iterator[Finding]:
    """How many members of the universe, within the time of the data, have no prices."""
    absent, due = without_prices(universe, frames)
    if absent:
        names = ", ".join(f"{spell.series} from {spell.start.date()}" for spell in absent[:NAMED])
        more = ", ..." if len(absent) > NAMED else ""
        text = f"{len(absent)} of {due} members have no prices: {names}{more}"
        starts = pd.DatetimeIndex([spell.start for spell in absent]).sort_values()
        yield Finding("warning", "survivorship", None, starts, text)
