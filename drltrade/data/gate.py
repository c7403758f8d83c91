"""The one gate through which all prices come: files, frames, the store, what is embedded.

Errors refuse, warnings come along with the bars. What was found in a file is kept, by its sha256,
in the user's folder for caches (`XDG_CACHE_HOME`), so that a file is examined once.
"""

import contextlib
import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from drltrade.atomic import write_text
from drltrade.data import quality
from drltrade.data.bars import Bars
from drltrade.data.files import BESIDE, Published, read_published
from drltrade.data.layout import AS_IT_STANDS, Adjustment, Layout
from drltrade.data.quality import Finding
from drltrade.data.series import finished, settled
from drltrade.errors import DataError

Accepted = Mapping[str, pd.DatetimeIndex]
SHOWN = 3
"""Errors that a refusal names."""


def read_bars(path: str | Path, layout: Layout = AS_IT_STANDS, symbol: str | None = None) -> Bars:
    """Read a price file into checked and adjusted bars.

    Args:
        path: the file.
        layout: what it does not say itself.
        symbol: what to call a series that carries no symbol (default: the file's stem).

    Raises:
        DataError: as `files.read_published`; or a bar cannot be true, or is hardly: names file,
            row, column and value.
    """
    return checked_bars(read_published(path, layout, symbol), str(path))


def checked_bars(published: Published, source: str, help_: str = "") -> Bars:
    """Check and adjust what was published, or refuse it.

    Args:
        published: prices as they stand.
        source: where they come from, for reports and errors.
        help_: what mends them, for errors.

    Raises:
        DataError: a bar cannot be true, or is hardly; names source, symbol, row and value.
    """
    frames, words = {}, {}
    for symbol, frame in published.frames.items():
        where = f"{source} (symbol {symbol})" if published.named else source
        done = finished(frame, published.adjustment, where, published.rows.get(symbol))
        frames[symbol], words[symbol] = done.frame, done.adjustment
    assert published.frequency is not None  # there are two bars
    findings = examined(published, frames)
    refuse(findings, source, help_ or IMPORT.format(source=source))
    return Bars(
        frames=frames, zone=published.zone, frequency=published.frequency,
        source=f"{source}, {published.read_as}" if published.read_as else source,
        sha256=published.sha256,
        adjustment="full" if "full" in words.values() else next(iter(words.values())),
        findings=tuple(each for each in findings if each.severity != "error"),
        remarks=published.remarks,
        calendar=published.layout.calendar,
    )  # fmt: skip


IMPORT = (
    "drltrade data import {source} puts it into the store, where drltrade data check --repair, "
    "--split SYMBOL DATE=RATIO or --accept mend it or call it true"
)


def refuse(
    findings: list[Finding], source: str, help_: str, accepted: Accepted | None = None
) -> None:
    """Raise DataError where a finding is an error at a bar that was not accepted as true."""
    errors = []
    for each in findings:
        known = None if accepted is None or each.symbol is None else accepted.get(each.symbol)
        times = each.times if known is None else each.times.difference(known)
        if each.severity == "error" and len(times):
            errors.append(each._replace(times=times))
    if errors:
        shown = "; ".join(str(each) for each in errors[:SHOWN])
        more = f"; and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        raise DataError(f"{source}: prices that are hardly true: {shown}{more}. {help_}")


def examined(published: Published, frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """What is wrong with prices, as published and once adjusted; from the cache, if it is there.

    Args:
        published: bars that each can be true.
        frames: the same checked and adjusted.
    """
    key = hashlib.sha256(
        "|".join(
            map(str, (published.sha256, published.layout.model_dump_json(), published.zone,
                      published.frequency, *frames, _version()))
        ).encode()
    ).hexdigest()  # fmt: skip
    file = _folder() / f"{key}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_text("utf-8"))
        return [
            Finding(each["severity"], each["kind"], each["symbol"],
                    pd.DatetimeIndex(each["times"]).as_unit("us"), each["text"], each["ratio"])
            for each in kept
        ]  # fmt: skip
    beside = {
        # A factor tells what an adjusted close does.
        symbol: frame.assign(**{"adjusted close": frames[symbol]["close"]})
        if "factor" in frame and "adjusted close" not in frame else frame
        for symbol, frame in published.frames.items()
    }  # fmt: skip
    found = quality.check(beside, adjustment=_known(published), zone=published.zone)
    adjusted = {
        symbol: frame for symbol, frame in frames.items()
        if published.frames[symbol].shape[1] > frame.shape[1]
    }  # fmt: skip
    found += left_over(adjusted, found)
    with contextlib.suppress(OSError):
        write_text(file, json.dumps([
            each._asdict() | {"times": [str(time) for time in each.times]} for each in found
        ]))  # fmt: skip
    return found


def _known(published: Published) -> Adjustment | None:
    """What prices are adjusted for, as stated; or as they tell, if something beside them does."""
    if published.adjustment is not None:
        return published.adjustment
    told = {
        settled(frame.sort_index(), None, symbol) or "raw"
        for symbol, frame in published.frames.items()
        if set(BESIDE) & set(frame.columns)
    }
    return "raw" if "raw" in told else "split" if told else None


def left_over(frames: Mapping[str, pd.DataFrame], found: Sequence[Finding]) -> list[Finding]:
    """Moves of adjusted prices that were not found in them as published."""
    known = {
        (each.kind, each.symbol): set(each.times) for each in found if each.kind in quality.MOVES
    }
    more = []
    for each in quality.moves_of(frames):
        new = [time for time in each.times if time not in known.get((each.kind, each.symbol), ())]
        if new:
            more.append(each._replace(times=pd.DatetimeIndex(new)))
    return more


@cache
def _version() -> str:
    """A digest of what reads, adjusts and examines prices."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "drltrade" / "checks"


_TOLD: set[tuple[str, ...]] = set()


def tell(source: str, warnings: tuple[str, ...]) -> None:
    """Log what is to be said of some prices, once: not again, nor in a process that was started to
    train beside others."""
    if warnings and (source, *warnings) not in _TOLD and multiprocessing.parent_process() is None:
        _TOLD.add((source, *warnings))
        for line in warnings:
            logging.getLogger("drltrade").warning("%s: %s", source, line)
