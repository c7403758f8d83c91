"""Dividends that cannot be: too large or small by a hundred, paid twice, not adjusted for.

Of each dividend `events` reads three witnesses: what is recorded, what the adjusted close makes of
it, and by how much the price fell. Where they disagree, what is likeliest is taken: the fall has a
Laplace distribution around the yield, and a dividend is near the others of its series, or, where
there are none to compare it with, its yield is lognormal around 1%. What is not decided by that
stays as it is: a right value is worth more than a mended one.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from drltrade.data.copies import ORIGINAL, copies_of, is_copied, originality
from drltrade.data.events import EXPLAINED, Event, deviation_of, events_of
from drltrade.data.falls import Falls, Series
from drltrade.data.faults import Floats
from drltrade.data.readjust import readjusted
from drltrade.data.schedule import is_regular, odds_of

USUAL, SPREAD = np.log(0.01), 1.5
"""Mean and deviation of the log of a dividend's yield."""
ALIKE, MOST_ALIKE = 0.25, 12.0
"""Least deviation of the log of a dividend from the others'; most that unlikeness can weigh."""
NEIGHBOURS = 8
"""Other dividends that one is compared with, the nearest."""
DOUBT = 7.0
"""Minus the log probability that a dividend on which yield and step agree is wrong."""
DECIDED = 2.0
"""Difference of log likelihoods below which an event follows the others of its kind."""
MANY = 4
"""Events of one kind that together outweigh one that is decided otherwise."""
RECORDED = 4.0
"""Log odds that of a dividend and a step that are no simple multiple the dividend is right."""
REGULAR, VARIED = np.log(1.5), np.log(2.0)
"""How far a dividend is from others that are much the same, and these from each other, as logs."""
EXACT = np.log(1.35)
"""How far a first or last one is: a hundredth of all others is no cut."""
REFUTED = 15.0
"""Deviations between a fall and what two witnesses agree on, from which both are wrong."""
MOVED = 0.2
"""Part of the price by which it moves beyond any dividend where its unit may have changed."""
MOST_PAID = 0.5
"""Part of the price from which a dividend, or the price, is rather in another unit."""
SURE = 4.0
"""Log odds from which, of two that differ by exactly a hundred, the likelier one is right: a single
error makes a hundred."""
LATEST = 3.0
"""Log odds that a vendor has not adjusted for the latest dividend yet, and not that it is none."""
BOTH_MISSING = 4.6
"""Log odds that each dividend which the adjusted close does not know of, while it knows of none,
gives to its knowing of none."""
NEVER = 3.0
"""Log odds from which a dividend was never paid."""
RHYTHMIC = 4.0
"""Log odds that dividends at regular times were."""
IN_TURN = 1.4
"""Log odds of its time from which a dividend that is not recorded was due."""
FELL = 5.0
"""Log odds by the price alone from which a dividend is a hundred times what two witnesses say."""
CERTAIN = 50.0
"""Log odds of what cannot be otherwise."""
LIKE = np.log(1.6)
"""How far a dividend that is missing may be from the others."""


class Corrected(NamedTuple):
    """Dividends and adjusted closes as they ought to be, and those that are in doubt."""

    paid: Floats
    """[T]"""
    adjusted: Floats
    """[T]"""
    doubtful: list[int]
    """Bars at which dividend and adjusted close disagree, and stay as they are."""


def corrected(frame: pd.DataFrame, raw: bool) -> Corrected | None:
    """The columns dividend and "adjusted close" as they ought to be, see `_corrected`.

    Capital gains are paid and adjusted for as dividends are: the sum of both is looked at.
    """
    if "capital gain" not in frame or "dividend" not in frame:
        return _corrected(frame, raw)
    gains = frame["capital gain"].to_numpy(np.float64)
    before = frame["dividend"].to_numpy(np.float64)
    found = _corrected(frame.assign(dividend=before + gains), raw)
    if found is None:
        return None
    same = np.isclose(found.paid, before + gains, rtol=1e-9) | (found.paid < gains)
    return found._replace(paid=np.where(same, before, found.paid - gains))


def _corrected(frame: pd.DataFrame, raw: bool) -> Corrected | None:
    """The columns dividend and "adjusted close" as they ought to be.

    Args:
        frame: bars [T] by ascending labels with open, high, low, close, dividend, split and
            "adjusted close"; prices not adjusted for dividends.
        raw: whether they are not adjusted for splits either.

    Returns:
        None where there is nothing to correct by.
    """
    needed = ("dividend", "split", "adjusted close")
    if not all(name in frame for name in needed):
        return None
    events = events_of(frame, raw)
    paid = frame["dividend"].to_numpy(np.float64).copy()
    if not events:
        return Corrected(paid, frame["adjusted close"].to_numpy(np.float64), [])
    days = frame.index.to_numpy().astype("datetime64[s]").astype(np.float64) / 86400.0
    times = days[[event.row for event in events]]
    agreed = [event.bears_out(event.paid) for event in events]
    series = Series(events, times, agreed, deviation_of(frame), _falls(frame, events))
    none_adjusted = _none_adjusted(series)
    amounts = _amounts(series)
    # Again, by those that are known now.
    series = Series(*_known(series, amounts))
    wrong: list[tuple[Event, float]] = []
    doubtful: list[int] = []
    for event, amount in zip(events, _amounts(series, amounts), strict=True):
        if amount is None:
            doubtful.append(event.row)
            continue
        if not np.isclose(amount, event.paid, rtol=1e-6):
            paid[event.row] = amount
        unseen = none_adjusted and amount > 0.0
        if (unseen or not event.agrees(amount)) and not np.isnan(event.step):
            wrong.append((event, amount))
    twice = copies_of(series).twice
    doubtful += [event.row for pair in twice for event in pair if event.row not in doubtful]
    found = readjusted(frame, events, wrong, twice, raw)
    for event in found.unsure:
        # Nothing is half mended: what was recorded stays beside its step.
        paid[event.row] = event.paid
        doubtful.append(event.row)
    return Corrected(paid, found.values, sorted(set(doubtful)))


def _falls(frame: pd.DataFrame, events: list[Event]) -> Falls:
    close = frame["close"].to_numpy(np.float64)
    before = np.concatenate((close[:1], close[:-1]))
    before[[event.row for event in events]] = [event.before for event in events]
    return Falls(frame, before)


def _known(
    series: Series, amounts: list[float | None]
) -> tuple[list[Event], Floats, list[bool], float, Falls]:
    """The series with the amounts that were decided."""
    events = [
        event if amount is None else event._replace(paid=amount)
        for event, amount in zip(series.events, amounts, strict=True)
    ]
    agreed = [
        amount is not None and amount / event.before > event.rounding
        for event, amount in zip(series.events, amounts, strict=True)
    ]
    return events, series.times, agreed, series.deviation, series.falls


def _amounts(series: Series, before: list[float | None] | None = None) -> list[float | None]:
    """What was paid, of each event; None where it is not decided, now or `before`."""
    amounts: list[float | None] = []
    kinds: dict[str, list[int]] = {}
    scores: dict[int, float] = {}
    gone = copies_of(series).gone
    none_adjusted = _none_adjusted(series)
    for number, event in enumerate(series.events):
        if before is not None and before[number] is not None:
            amounts.append(before[number])
        elif number in gone:
            amounts.append(0.0)
        elif np.isnan(event.step) or (event.paid > 0 and event.agrees(event.paid)):
            amounts.append(_in_doubt(series, number))
        elif event.paid == 0.0:
            amounts.append(_missing(series, number))
        elif abs(event.step) <= event.rounding:
            amounts.append(event.paid if none_adjusted else _unadjusted(series, number))
        else:
            kind, told = _told(event)
            if told >= event.before:
                gained = -CERTAIN  # nobody pays more than a share is worth
            elif kind == "other":
                # No fault that is known makes such a step: by the price alone.
                gained = series.fell(number, told, event.paid)
            else:
                gained = _score(series, number, told) - _score(series, number, event.paid)
            least = DECIDED + (RECORDED if kind == "other" else 0.0)
            kept = gained < -(_needed(event.row) if kind == "other" else SURE)
            amounts.append(told if gained > least else event.paid if kept else None)
            # At a split whose prices are not adjusted for it, all three are of the split.
            by_split = event.split != 1.0 and (kind == "other" or abs(event.fall) > MOVED)
            by_unit = kind == "other" and event.paid > MOST_PAID * event.before
            if by_split or by_unit or _moved(event, told):
                amounts[-1] = None
                continue
            kinds.setdefault(kind, []).append(number)
            scores[number] = gained
    for numbers in kinds.values():
        _follow(series, amounts, numbers, scores)
    return amounts


def _follow(
    series: Series, amounts: list[float | None], numbers: list[int], gained: dict[int, float]
) -> None:
    """Decide what is undecided of a kind by what all of it tells together: the fault is one."""
    open_ = [i for i in numbers if np.isfinite(gained[i])]
    total = sum(gained[i] for i in open_)
    last = max((series.events[i].row for i in open_), default=0)
    other = _told(series.events[numbers[0]])[0] == "other"
    kept = total < -(_needed(last) if other else SURE)
    least = DECIDED + (RECORDED if other else 0.0) + np.log(max(len(open_), 1))
    if not kept and total < least:
        return
    for i in open_:
        if amounts[i] is None or len(open_) >= MANY:
            amounts[i] = series.events[i].paid if kept else _told(series.events[i])[1]


def _told(event: Event) -> tuple[str, float]:
    """The amount that the adjusted close tells of: a part or multiple of the one recorded, exactly,
    where it is near one."""
    for kind, factor in (
        ("too large", 0.01), ("too small", 100.0), ("split", 1.0 / event.split),
        ("split", event.split),
    ):  # fmt: skip
        possible = event.paid * factor < event.before
        if factor != 1.0 and possible and event.agrees(event.paid * factor):
            return kind, event.paid * factor
    return "other", event.told


def _others(series: Series, number: int) -> Floats:
    """Logs of the dividends nearest to one on which yield and step agree: as they were paid, or as
    shares of the price, whichever are more alike."""
    near = np.argsort(np.abs(series.times - series.times[number]), kind="stable")
    found = [series.events[i] for i in near if i != number and series.agreed[i]][:NEIGHBOURS]
    paid: Floats = np.log(np.array([event.paid for event in found]))
    before = np.log(np.array([event.before for event in found]))
    shares: Floats = paid - before + np.log(series.events[number].before)
    return paid if len(found) < 2 or np.std(paid) <= np.std(shares) else shares


def _score(series: Series, number: int, paid: float) -> float:
    """Log likelihood of the fall, given what was paid, and of paying so much."""
    event = series.events[number]
    if not 0.0 < paid < event.before:
        return -np.inf
    fall = series.falls.log_likelihood(event.row, paid / event.before)
    others = _others(series, number)
    if len(others) < 2:
        return fall - float((np.log(paid / event.before) - USUAL) ** 2 / SPREAD**2 / 2.0)
    middle = float(np.median(others))
    spread = max(ALIKE, 1.48 * float(np.median(np.abs(others - middle))))
    unlike = float(np.min(np.abs(np.log(paid) - others)))
    return float(fall - min(unlike**2 / spread**2 / 2.0, MOST_ALIKE))


def _in_doubt(series: Series, number: int) -> float:
    """A dividend that nothing contradicts but the price, and the size of the others."""
    event, deviation = series.events[number], series.deviation
    kept = _score(series, number, event.paid)
    best = event.paid
    for other in (event.paid / 100.0, event.paid * 100.0):
        explained = event.missed_by(other, deviation) < EXPLAINED
        # Yield and step agree on it: it is wrong only where no price falls so, or, if it is small,
        # where it was due and all around it is the same but for a hundred, or where the price fell
        # by that; out of turn it is a special dividend.
        refuted = event.missed_by(event.paid, deviation) > REFUTED
        alike = _regular(_others(series, number), other, _is_between(series, number))
        refuted |= alike and _turn(series, number)[1] >= 0.0
        refuted |= other > event.paid and series.fell(number, other, event.paid) > FELL
        if explained and refuted and _score(series, number, other) - kept > DOUBT:
            best = other
    return best


def _is_between(series: Series, number: int) -> bool:
    """Whether there are dividends on which yield and step agree before and after: the last ones of
    a series may have been cut, and its first ones small."""
    return any(series.agreed[:number]) and any(series.agreed[number + 1 :])


def _regular(others: Floats, paid: float, between: bool) -> bool:
    """Whether a series pays much the same each time, and this is the same."""
    nearest = others[:MANY]
    if len(nearest) < 3 or nearest.max() - nearest.min() > VARIED:
        return False
    return bool(abs(np.log(paid) - np.median(nearest)) < (REGULAR if between else EXACT))


def _turn(series: Series, number: int) -> tuple[float, float]:
    """Least and most log odds of its time: by the dividends on which yield and step agree, and by
    all that are recorded. One that nothing bears out may be that which was due as well."""
    at = float(series.times[number])
    odds = []
    for known in (series.agreed, [event.paid > 0.0 for event in series.events]):
        others = np.array(known, np.bool_)
        others[number] = False
        odds.append(odds_of(series.times[others], at))
    return min(odds), max(odds)


def _missing(series: Series, number: int) -> float | None:
    """A step of the adjusted close where no dividend is recorded: one, if it is like the others
    and its turn; a spin-off is neither."""
    event = series.events[number]
    others = _others(series, number)
    if not (event.step > 0 and len(others) > 1 and _turn(series, number)[0] > IN_TURN):
        return None
    like = np.min(np.abs(np.log(event.told) - others)) < LIKE
    explained = event.missed_by(event.told, series.deviation) < EXPLAINED
    return event.told if like and explained else None


def _moved(event: Event, told: float) -> bool:
    """Whether the price moved by so much more than any dividend that its unit may have changed."""
    rest = min(abs(event.fall - paid / event.before) for paid in (0.0, event.paid, told))
    return rest > MOVED


def _none_adjusted(series: Series) -> bool:
    """Whether the adjusted close is adjusted for no dividend at all."""
    recorded = [
        number for number, event in enumerate(series.events)
        if event.paid > 0 and not np.isnan(event.step)
    ]  # fmt: skip
    events = [series.events[number] for number in recorded]
    if any(abs(event.step) > event.rounding for event in events):
        return False
    if any(event.paid / event.before >= MOST_PAID for event in events):
        return False  # in another unit
    # Of one so small that its step is within rounding, nothing tells that it lacks.
    paid = [
        number for number, event in zip(recorded, events, strict=True)
        if event.paid / event.before > event.rounding
    ]  # fmt: skip
    if not paid:
        return False
    beside = [_beside_hundredth(series, number) for number in paid]
    if sum(each for each in beside if np.isfinite(each)) < DECIDED and np.isfinite(beside).any():
        return False  # each a hundred times too large, rather
    odds = sum(series.fell(number, series.events[number].paid) for number in paid)
    odds += BOTH_MISSING * (len(paid) - 1)
    odds += ORIGINAL * (not any(is_copied(series, number) for number in paid))
    odds += RHYTHMIC * is_regular(series.times[paid])
    return odds > _needed(max(series.events[number].row for number in paid))


def _needed(bars: int) -> float:
    """Log odds from which the adjusted closes of so many bars are changed: an error would make all
    of them wrong."""
    return DECIDED + float(np.log(max(bars, 1)))


def _unadjusted(series: Series, number: int) -> float | None:
    """A dividend that the adjusted close knows nothing of: a phantom, if it is out of turn and the
    price did not fall by it; and perhaps in another unit besides."""
    event = series.events[number]
    best = event.paid
    for other in (event.paid / 100.0, event.paid * 100.0):
        if _score(series, number, other) - _score(series, number, event.paid) > DOUBT:
            best = other
    (least, most), amount = _turn(series, number), originality(series, number)
    odds = series.fell(number, best) + amount
    if _moved(event, best) or best > MOST_PAID * event.before:
        return None
    if least > 0 and number == len(series.events) - 1:
        odds += LATEST
    if odds + least > _needed(event.row):
        in_doubt = best == event.paid and _beside_hundredth(series, number) < DECIDED
        return None if in_doubt else best
    # What was never paid is a copy; a special dividend is out of turn as well.
    return 0.0 if amount < 0.0 and odds + most < -NEVER else None


def _beside_hundredth(series: Series, number: int) -> float:
    """Log odds that a dividend without a step is not a hundred times one too small for a step to be
    seen; infinite where one of a hundredth would be seen as well."""
    event = series.events[number]
    if not event.agrees(event.paid / 100.0):
        return np.inf
    return _score(series, number, event.paid) - _score(series, number, event.paid / 100.0)
