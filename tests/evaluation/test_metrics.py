"""Metrics against empyrical, against numbers worked by hand, and where they are not defined."""

import math

import empyrical
import numpy as np
import pandas as pd
import pytest

from drltrade.backtesting.ledger import Ledger
from drltrade.evaluation import metrics as m


def account(
    equity: list[float],
    *,
    units: list[float] | None = None,
    close: list[float] | None = None,
    costs: list[float] | None = None,
    turnover: list[float] | None = None,
    periods_per_year: float = 252.0,
) -> Ledger:
    rows = len(equity)
    held = np.array(units or [0.0] * rows, dtype=float)[:, None]
    price = np.array(close or [1.0] * rows, dtype=float)[:, None]
    changed = np.diff(held, axis=0, prepend=0.0) != 0
    worth = np.array(equity, dtype=float)
    return Ledger(
        symbols=("A",),
        times=pd.date_range(
            "2021-01-01", periods=rows, freq="MS" if periods_per_year == 12 else "D"
        ),
        close=price,
        units=held,
        fill_price=np.where(changed, np.vstack([price[:1], price[:-1]]), np.nan),
        exit_units=np.zeros((rows, 1)),
        exit_price=np.full((rows, 1), np.nan),
        cash=worth - (held * price)[:, 0],
        equity=worth,
        turnover=np.array(turnover or [0.0] * rows, dtype=float),
        costs={"commission": np.array(costs or [0.0] * rows, dtype=float)},
        targets=np.full((rows, 1), np.nan),
        fill="next_open",
        periods_per_year=periods_per_year,
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift", [-0.001, 0.0005])
def test_agrees_with_empyrical(seed: int, drift: float) -> None:
    returns = np.random.default_rng(seed).normal(drift, 0.01, 750)
    equity = 10_000 * np.cumprod(np.concatenate([[1.0], 1 + returns]))
    found = m.metrics(account(list(equity)))
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns),
        "annual_volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def test_numbers_worked_by_hand() -> None:
    ledger = account(
        [100, 110, 99, 118.8],
        units=[0, 5, 5, 0],
        close=[20, 22, 19.8, 20],
        costs=[0, 1, 0, 0.2],
        turnover=[0, 1.0, 0.0, 0.5],
        periods_per_year=12,
    )
    found = m.metrics(ledger)
    returns = [0.10, -0.10, 0.20]
    mean, deviation = 0.2 / 3, math.sqrt(sum((r - 0.2 / 3) ** 2 for r in returns) / 2)
    assert found["total_return"] == pytest.approx(0.188)
    assert found["annual_return"] == pytest.approx(1.188**4 - 1)
    assert found["annual_volatility"] == pytest.approx(deviation * math.sqrt(12))
    assert found["sharpe"] == pytest.approx(mean / deviation * math.sqrt(12))
    assert found["sortino"] == pytest.approx(mean / math.sqrt(0.01 / 3) * math.sqrt(12))
    assert found["max_drawdown"] == pytest.approx(-0.1)
    assert found["calmar"] == pytest.approx((1.188**4 - 1) / 0.1)
    assert found["turnover"] == pytest.approx(1.5 / 3 * 12)
    assert found["exposure"] == pytest.approx((1.0 + 1.0 + 0.0) / 3)
    assert found["trades"] == 1
    assert found["average_holding_bars"] == 2
    assert found["costs_paid"] == pytest.approx(1.2)
    assert found["cost_share"] == pytest.approx(1.2 / 20.0)
    assert found["final_equity"] == 118.8
    # Bought 5 at 20, sold at the close before, 19.8, and paid 1.2.
    assert found["hit_rate"] == 0.0


def test_the_keys_are_those_of_the_conventions() -> None:
    assert list(m.metrics(account([1.0, 1.1, 1.2]))) == list(m.CONVENTIONS)


def test_a_loss_on_the_first_bar_is_a_drawdown() -> None:
    ledger = account([100, 50, 55, 60.5])
    assert m.metrics(ledger)["max_drawdown"] == -0.5
    deepest = m.drawdown(ledger)
    assert (deepest.depth, deepest.recovery) == (-0.5, None)
    assert (deepest.peak, deepest.trough) == (ledger.times[0], ledger.times[1])


def test_a_drawdown_ends_at_the_first_bar_at_its_peak_again() -> None:
    ledger = account([100, 120, 90, 110, 120, 130, 125])
    assert m.drawdown(ledger) == m.Drawdown(
        -0.25, ledger.times[1], ledger.times[2], ledger.times[4]
    )


def test_an_account_that_never_falls_has_no_drawdown() -> None:
    ledger = account([100, 101, 102])
    assert m.drawdown(ledger) == m.Drawdown(0.0, *[ledger.times[0]] * 3)


def test_an_account_that_did_nothing_has_nan_where_nothing_is_defined() -> None:
    found = m.metrics(account([100.0] * 61))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {
        "sharpe",
        "sortino",
        "calmar",
        "hit_rate",
        "average_holding_bars",
        "cost_share",
    }
    assert found["total_return"] == found["annual_volatility"] == found["exposure"] == 0.0


def test_equal_gains_have_no_sharpe_ratio() -> None:
    found = m.metrics(account([100 * 1.01**t for t in range(50)]))
    assert math.isnan(found["sharpe"])
    assert math.isnan(found["sortino"])
    assert math.isnan(found["calmar"])


def test_the_share_of_costs_is_undefined_when_nothing_was_gained_before_them() -> None:
    assert math.isnan(m.cost_share(-5.0, 4.0))
    assert m.cost_share(-2.0, 4.0) == 2.0


@pytest.mark.parametrize("rows", [1, 2])
def test_a_ledger_too_short_for_a_deviation(rows: int) -> None:
    found = m.metrics(account([100.0, 90.0][:rows]))
    assert math.isnan(found["annual_volatility"])
    assert math.isnan(found["sharpe"])
    assert math.isnan(found["annual_return"])
    assert math.isnan(m.annual_return(np.array([100.0, 90.0][:rows]), 252.0)) == (rows == 1)


def test_nothing_is_said_of_a_year_after_less_than_sixty_sessions() -> None:
    grown = [100.0 * 1.01 ** (t % 7) for t in range(61)]
    short, whole = m.metrics(account(grown[:60])), m.metrics(account(grown))
    assert {name for name in m.ANNUAL if not math.isnan(short[name])} == set()
    assert {name for name in m.ANNUAL if math.isnan(whole[name])} == set()
    assert short["total_return"] == pytest.approx(1.01**3 - 1)


def test_an_account_that_owes_money_has_lost_all_of_it():
    assert m.annual_return(np.array([100.0, -30.0, -60.0]), 252.0) == -1.0
