"""From a source into the store: symbol by symbol, patiently, going on where it was left off."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from drltrade.data.catalog import check_name
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
    """Its past had changed, or an earlier start was asked for, so all of it was fetched anew."""
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
    were, as Yahoo's are after a split or a dividend, or an earlier start is asked for, all of it is
    fetched anew and replaced, unless the source has less of it by now.

    Args:
        store: where to.
        dataset: its data set.
        source: where from.
        symbols: as the source calls them.
        frequency: of the bars.
        start: the first date of what the store does not have.
        end: the last; None: now.
        origin: what to write down as the source; what comes from another is not touched.
        sleep: waits between attempts.

    Yields:
        An outcome a symbol; an error leaves what there was, and does not stop the others.
    """
    check_name(dataset)
    asked = Asked(dataset, source, frequency, start, end, origin, sleep)
    for symbol in symbols:
        try:
            yield _one(store, asked, symbol)
        except DataError as error:
            yield Outcome(symbol, 0, False, str(error))


class Asked(NamedTuple):
    """What is the same for every symbol; see `fetch_into`."""

    dataset: str
    source: Source
    frequency: str
    start: pd.Timestamp
    end: pd.Timestamp | None
    origin: str
    sleep: Callable[[float], None]

    def about(self, piece: Fetched) -> About:
        """What is written beside the bars."""
        since = str(self.start.date())
        return About(self.origin, piece.zone, self.frequency, piece.adjustment, since)


def _one(store: Store, asked: Asked, symbol: str) -> Outcome:
    if symbol not in store.symbols(asked.dataset, asked.frequency):
        return Outcome(symbol, _keep(store, asked, symbol, asked.start, None), False, None)
    known = store.sidecar(asked.dataset, asked.frequency, symbol)
    if known.about.source != asked.origin:
        raise DataError(
            f"{symbol}: what {asked.dataset}/{asked.frequency} has of it is from "
            f"{known.about.source!r}, not {asked.origin!r}; give the data set another name"
        )
    index = store.read(asked.dataset, asked.frequency, symbol)[0].index
    if not known.about.since or pd.Timestamp(known.about.since) <= asked.start:
        begin = index[-min(OVERLAP, len(index))].normalize()
        try:
            return Outcome(symbol, _keep(store, asked, symbol, begin, index[-1]), False, None)
        except PastChanged:
            pass
    # All of it anew: its past has changed, or an earlier start is asked for.
    pieces = list(_patiently(asked, symbol, min(asked.start, index[0].normalize())))
    frame = pd.concat([piece.frame for piece in pieces])
    if frame.index[0] > index[0] or frame.index[-1] < index[-1]:
        raise DataError(
            f"{symbol}: its past has changed, and the source reaches from {frame.index[0]} to "
            f"{frame.index[-1]} alone, while bars from {index[0]} to {index[-1]} are there; they "
            "are kept as they are: fetch into a data set of another name"
        )
    with store.writing(asked.dataset, asked.frequency) as writer:
        writer.replace(symbol, frame, asked.about(pieces[0]))
    return Outcome(symbol, len(frame), True, None)


def _keep(
    store: Store, asked: Asked, symbol: str, begin: pd.Timestamp, last: pd.Timestamp | None
) -> int:
    """Append pieces as they come, from `begin` on; how many bars were new.

    Raises:
        DataError: the first piece does not touch the `last` bar there was: there would be a gap.
    """
    new = 0
    for number, piece in enumerate(_patiently(asked, symbol, begin)):
        if number == 0 and last is not None and piece.frame.index[0] > last:
            raise DataError(
                f"{symbol}: the source begins at {piece.frame.index[0]}, after {last}, the last "
                "bar there is: what is between them would be missing"
            )
        with store.writing(asked.dataset, asked.frequency) as writer:
            if symbol in writer:
                new += writer.append(symbol, piece.frame)
            else:
                writer.replace(symbol, piece.frame, asked.about(piece))
                new += len(piece.frame)
    return new


def _patiently(asked: Asked, symbol: str, begin: pd.Timestamp) -> Iterator[Fetched]:
    """The pieces of a source; one that is busy is asked again, from where it broke off."""
    waits = iter(PATIENCE)
    newest: pd.Timestamp | None = None
    while True:
        try:
            for piece in asked.source.fetch(symbol, asked.frequency, begin, asked.end):
                frame = piece.frame
                if newest is not None:  # what came before it broke off comes again
                    frame = frame[frame.index > newest]
                if len(frame):
                    waits, newest = iter(PATIENCE), pd.Timestamp(frame.index[-1])
                    yield piece._replace(frame=frame)
            if newest is None:
                raise NoData(f"{symbol}: the source answered with nothing")
            return
        except Busy as error:
            wait = next(waits, None)
            if wait is None:
                raise Busy(f"{error} ({len(PATIENCE) + 1} attempts)") from None
            asked.sleep(wait)
            begin = begin if newest is None else newest.normalize()
