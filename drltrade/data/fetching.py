"""From a source into the store: symbol by symbol, patiently, going on where it was left off."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from drltrade.data.sources import Busy, Fetched, NoData, Source
from drltrade.data.store import About, PastChanged, Store
from drltrade.errors import DataError

PATIENCE = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds to wait before a busy source is asked again."""
OVERLAP = 5
"""Bars that are fetched again, to see whether the past has changed."""


class Outcome(NamedTuple):
    """What became of a symbol."""

    symbol: str
    bars: int
    """New ones."""
    replaced: bool
    """Its past had changed, so all of it was fetched anew."""
    error: str | None


def fetch_into(
    store: Store,
    dataset: str,
    source: Source,
    symbols: Sequence[str],
    frequency: str,
    start: pd.Timestamp,
    end: pd.Timestamp | None = None,
    *,
    origin: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome]:
    """Fetch symbols one by one; each piece that arrives is committed.

    A symbol that the store has is fetched from its last bars on. Where those are no more what they
    were, as Yahoo's are after a split or a dividend, all of it is fetched anew and replaced.

    Args:
        store: where to.
        dataset: its data set.
        source: where from.
        symbols: as the source calls them.
        frequency: of the bars.
        start: the first date of what the store does not have.
        end: the last; None: now.
        origin: what to write down as the source.
        sleep: waits between attempts.

    Yields:
        An outcome a symbol; an error leaves what there was, and does not stop the others.
    """
    for symbol in symbols:
        try:
            yield _one(store, dataset, source, symbol, frequency, start, end, origin, sleep)
        except DataError as error:
            yield Outcome(symbol, 0, False, str(error))


def _one(
    store: Store, dataset: str, source: Source, symbol: str, frequency: str, start: pd.Timestamp,
    end: pd.Timestamp | None, origin: str, sleep: Callable[[float], None],
) -> Outcome:  # fmt: skip
    there = symbol in store.symbols(dataset, frequency)
    known = store.read(dataset, frequency, symbol)[0].index if there else None
    begin = start if known is None else known[-min(OVERLAP, len(known))].normalize()
    try:
        pieces = _patiently(source, symbol, frequency, begin, end, sleep)
        return Outcome(
            symbol, _keep(store, dataset, symbol, frequency, pieces, origin), False, None
        )
    except PastChanged:
        assert known is not None
        first = min(start, known[0].normalize())
        whole = list(_patiently(source, symbol, frequency, first, end, sleep))
        joined = whole[0]._replace(frame=pd.concat([piece.frame for piece in whole]))
        with store.writing(dataset, frequency) as writer:
            writer.replace(symbol, joined.frame, _about(joined, frequency, origin))
        return Outcome(symbol, len(joined.frame), True, None)


def _keep(
    store: Store, dataset: str, symbol: str, frequency: str, pieces: Iterable[Fetched], origin: str
) -> int:
    """Append pieces as they come; how many bars were new."""
    new = 0
    for piece in pieces:
        with store.writing(dataset, frequency) as writer:
            if symbol in writer:
                new += writer.append(symbol, piece.frame, origin)
            else:
                writer.replace(symbol, piece.frame, _about(piece, frequency, origin))
                new += len(piece.frame)
    return new


def _about(piece: Fetched, frequency: str, origin: str) -> About:
    return About(origin, piece.zone, frequency, piece.adjustment)


def _patiently(
    source: Source, symbol: str, frequency: str, start: pd.Timestamp, end: pd.Timestamp | None,
    sleep: Callable[[float], None],
) -> Iterator[Fetched]:  # fmt: skip
    """The pieces of a source; one that is busy is asked again, from where it broke off."""
    waits = iter(PATIENCE)
    begin, any_there = start, False
    while True:
        try:
            for piece in source.fetch(symbol, frequency, begin, end):
                waits, any_there = iter(PATIENCE), True
                yield piece
                begin = piece.frame.index[-1].normalize()
            return
        except NoData:
            if any_there:  # after the last piece there is no more
                return
            raise
        except Busy as error:
            wait = next(waits, None)
            if wait is None:
                raise Busy(f"{error} ({len(PATIENCE) + 1} attempts)") from None
            sleep(wait)
