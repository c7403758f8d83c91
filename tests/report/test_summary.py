"""The verdict in words and the results in rows."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from synthetic_entries import account, market

from drltrade.backtesting.ledger import Ruin
from drltrade.errors import ConfigError
from drltrade.evaluation.metrics import metrics
from drltrade.report.summary import Entry, summary_table, verdicts

CLOSE = market(200)
BASE = account(CLOSE, np.ones(201))
RUIN = Ruin(row=200, forgiven=5.0)


def entry(
    name: str,
    *returns: float,
    kind: Literal["agent", "baseline"] = "agent",
    bankrupt: int = 0,
) -> Entry:
    """An entry whose ledgers end at the given total returns."""
    line = np.linspace(0.0, 1.0, 201)
    ledgers = [
        replace(BASE, equity=1e4 * (1 + line * gain), ruin=RUIN if seed < bankrupt else None)
        for seed, gain in enumerate(returns)
    ]
    return Entry(name, tuple(ledgers), kind)


HOLD = entry("buy-and-hold", 0.45, kind="baseline")


def test_an_agent_that_does_not_beat_the_benchmark() -> None:
    first, caveat = verdicts([entry("ppo-lstm", 0.123, -0.02, 0.5), HOLD], "buy-and-hold")
    assert first == (
        "ppo-lstm: median total return +12.3% over 3 seeds (lowest -2.0%, highest +50.0%) against "
        "+45.0% for buy-and-hold: does NOT beat buy-and-hold (1 of 3 seeds does)."
    )
    assert caveat.startswith("3 seeds on one period prove nothing beyond luck: ")
    assert "Number of trials: 3 " in caveat


def test_an_agent_that_beats_the_benchmark() -> None:
    agents = [entry("dqn", 0.5, 0.6, 0.1), entry("ppo", 12.5)]
    dqn, ppo, caveat = verdicts([*agents, HOLD], "buy-and-hold")
    assert dqn.endswith("against +45.0% for buy-and-hold: beats buy-and-hold (2 of 3 seeds do).")
    assert ppo == (
        "ppo: total return +1,250.0% with one seed against +45.0% for buy-and-hold: "
        "beats buy-and-hold."
    )
    assert "Number of trials: 4 " in caveat


def test_a_tie_is_not_a_win() -> None:
    assert "does NOT beat" in verdicts([entry("dqn", 0.45), HOLD], "buy-and-hold")[0]


def test_a_verdict_says_how_many_seeds_went_bankrupt() -> None:
    agent = entry("dqn", -1 + 1e-6, 0.1, 0.2, bankrupt=1)
    assert verdicts([agent, HOLD], "buy-and-hold")[0].endswith(" 1 of 3 went bankrupt.")


def test_without_agents_there_is_no_verdict() -> None:
    assert verdicts([HOLD], "buy-and-hold") == []


@pytest.mark.parametrize(
    ("returns", "index"), [((0.3, 0.1, 0.2), 2), ((0.4, 0.1, 0.2, 0.3), 2), ((0.5,), 0)]
)
def test_the_representative_seed_has_the_median_final_equity(
    returns: tuple[float, ...], index: int
) -> None:
    assert entry("dqn", *returns).representative == index


def test_rows_hold_the_median_with_lowest_and_highest(few_entries: list[Entry]) -> None:
    rows = summary_table(few_entries[::-1], "buy-and-hold")
    assert [row["kind"] for row in rows] == ["agent"] * 2 + ["baseline"] * 5
    row = next(row for row in rows if row["name"] == "dqn")
    found = [metrics(ledger) for ledger in few_entries[1].ledgers]
    for name in found[0]:
        values = [each[name] for each in found]
        assert row[name] == pytest.approx(np.nanmedian(values), nan_ok=True)
        assert row[f"{name}_low"] == pytest.approx(np.nanmin(values), nan_ok=True)
        assert row[f"{name}_high"] == pytest.approx(np.nanmax(values), nan_ok=True)
        assert row[f"{name}_defined"] == np.isfinite(values).sum()
    hold = next(row for row in rows if row["name"] == "buy-and-hold")
    assert row["beats_benchmark"] == (row["total_return"] > hold["total_return"])
    assert hold["beats_benchmark"] is None


def test_what_cannot_be_compared_is_refused(few_entries: list[Entry]) -> None:
    with pytest.raises(ConfigError, match=r"the benchmark 'sp500' is not among the entries \["):
        verdicts(few_entries, "sp500")
    with pytest.raises(ConfigError, match=r"more than once: \['dqn'\]"):
        verdicts([*few_entries, few_entries[1]], "buy-and-hold")
    with pytest.raises(ConfigError, match="'none' has no ledger"):
        verdicts([*few_entries, Entry("none", (), "baseline")], "buy-and-hold")
    with pytest.raises(ConfigError, match=r"'late' covers 201 bars .* must cover the same bars"):
        verdicts([*few_entries, entry("late", 0.1)], "buy-and-hold")
