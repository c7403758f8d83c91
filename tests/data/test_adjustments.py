"""What stands beside prices, and whether they are adjusted for it, as they tell themselves."""

import numpy as np
import pandas as pd
import pytest

from drltrade.data.gate import read_bars
from drltrade.data.layout import Layout
from drltrade.errors import DataError

DAYS = pd.bdate_range("2015-01-05", periods=120)
SPLIT = 60


def prices(split=4.0, raw=True, seed=0):
    """OHLCV with a split before bar `SPLIT`, and what was truly made since the first close."""
    rng = np.random.default_rng(seed)
    true = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, len(DAYS))))
    units = np.where(np.arange(len(DAYS)) < SPLIT, split, 1.0) if raw else np.ones(len(DAYS))
    close = true * units
    table = pd.DataFrame({
        "date": DAYS, "open": close, "high": close * 1.01, "low": close * 0.99, "close": close,
        "volume": rng.uniform(0.9e6, 1.1e6, len(DAYS)) / units,
    })  # fmt: skip
    return table, true


@pytest.fixture
def bars_of(tmp_path):
    def made(table, **stated):
        path = tmp_path / "x.csv"
        table.to_csv(path, index=False)
        return read_bars(path, Layout(**stated))

    return made


def splits(split=4.0):
    return np.where(np.arange(len(DAYS)) == SPLIT, split, 1.0)


@pytest.mark.parametrize(
    "name",
    ["adjusted_close", "Adj. Close", "adjClose", "adjustedClose", "closeadj", "Adj Close",
     "5. adjusted close"],
)  # fmt: skip
@pytest.mark.parametrize("split", [4.0, 0.125, 1.5])
def test_an_adjusted_close_by_any_name(bars_of, name, split):
    table, true = prices(split)
    frame = bars_of(table.assign(**{name: true})).frame("x")
    np.testing.assert_allclose(frame["close"], true)
    # Volume is in the shares of today, as prices are.
    assert frame["volume"].max() / frame["volume"].min() < 1.3


@pytest.mark.parametrize(
    "name", ["split_coefficient", "splitFactor", "Split Ratio", "Stock Splits", "split"]
)
@pytest.mark.parametrize("raw", [True, False])
def test_prices_tell_whether_they_are_adjusted_for_the_splits_beside_them(bars_of, name, raw):
    table, true = prices(raw=raw)
    bars = bars_of(table.assign(**{name: splits()}))
    np.testing.assert_allclose(bars.frame("x")["close"], true)
    assert bars.frame("x")["volume"].max() / bars.frame("x")["volume"].min() < 1.3


@pytest.mark.parametrize("name", ["factor", "adj_factor"])
@pytest.mark.parametrize("raw", [True, False])
def test_a_factor_is_applied_where_prices_are_raw(bars_of, name, raw):
    table, true = prices(raw=raw)
    factor = np.where(np.arange(len(DAYS)) < SPLIT, 3.0, 12.0)
    np.testing.assert_allclose(bars_of(table.assign(**{name: factor})).frame("x")["close"], true)


@pytest.mark.parametrize("dividend", ["divCash", "dividend_amount", "Ex-Dividend"])
def test_a_dividend_of_which_nothing_is_known_is_refused(bars_of, dividend):
    table, _ = prices(1.0)
    table = table.assign(**{dividend: np.where(np.arange(len(DAYS)) == SPLIT, 0.5, 0.0)})
    with pytest.raises(DataError, match=r"a dividend of 0\.5 on 2015-03-30.*state what they are"):
        bars_of(table)
    kept = bars_of(table, adjustment="full").frame("x")["close"].to_numpy()
    paid = bars_of(table, adjustment="raw").frame("x")["close"].to_numpy()
    before = table["close"].iloc[SPLIT - 1]
    assert paid[0] / kept[0] == pytest.approx(1 - 0.5 / before)


@pytest.mark.parametrize("name", ["div_yield", "cum_split", "adj_ratio", "facprice_factor"])
def test_a_column_that_looks_like_an_adjustment_is_no_other_column(bars_of, name):
    table, _ = prices(1.0)
    with pytest.raises(DataError, match=f"column '{name}' looks as if it told of splits"):
        bars_of(table.assign(**{name: 1.0}))
    assert len(bars_of(table.assign(**{name: 1.0}), ignore=(name,)).frame("x")) == len(DAYS)


def test_prices_that_contradict_what_is_stated(bars_of):
    table, _ = prices()
    with pytest.raises(DataError, match=r"prices step at the split of 2015-03-30.* not 'split'"):
        bars_of(table.assign(split=splits()), adjustment="split")
    table, _ = prices(raw=False)
    with pytest.raises(DataError, match=r"do not step at the split of 2015-03-30.* not 'raw'"):
        bars_of(table.assign(split=splits()), adjustment="raw")
    table, _ = prices()
    with pytest.raises(DataError, match=r"step at the split of 2015-03-30.*and do not at that of"):
        bars_of(table.assign(split=splits() * np.where(np.arange(len(DAYS)) == 90, 2.0, 1.0)))


def test_a_split_within_the_day_counts_from_its_own_bar(tmp_path):
    lines = ["date,open,high,low,close,volume,split"]
    for day in ("2014-06-05", "2014-06-06", "2014-06-09", "2014-06-10"):
        price, volume = (100, 1000) if day < "2014-06-09" else (50, 2000)
        for hour in range(10, 17):
            split = 2 if (day, hour) == ("2014-06-09", 10) else 1
            lines.append(f"{day} {hour}:00,{price},{price},{price},{price},{volume},{split}")
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines))
    for layout in (Layout(), Layout(adjustment="raw")):
        frame = read_bars(path, layout).frame("x")
        assert set(frame["close"]) == {50.0}
        assert set(frame["volume"]) == {2000.0}


def test_a_split_that_the_moves_of_prices_hide_has_to_be_stated(bars_of):
    table, true = prices(1.5)
    jump = np.where(np.arange(len(DAYS)) >= SPLIT, 1.25, 1.0)  # +25% on the same day
    table = table.assign(**{name: table[name] * jump for name in ("open", "high", "low", "close")})
    table = table.assign(split=splits(1.5))
    with pytest.raises(DataError, match=r"a split of 1\.5 on 2015-03-30.*too small to be seen"):
        bars_of(table)
    np.testing.assert_allclose(bars_of(table, adjustment="raw").frame("x")["close"], true * jump)


def test_stock_dividends_alone_have_to_be_stated(bars_of):
    table, true = prices(1.05)
    table = table.assign(split=splits(1.05))
    with pytest.raises(DataError, match=r"a split of 1\.05 on 2015-03-30"):
        bars_of(table)
    np.testing.assert_allclose(bars_of(table, adjustment="raw").frame("x")["close"], true)


def test_prices_adjusted_for_splits_may_be_for_dividends_too(bars_of):
    table, _ = prices(raw=False)
    paid = np.where(np.arange(len(DAYS)) == 20, 0.5, 0.0)
    with pytest.raises(DataError, match="nothing says whether they are for dividends"):
        bars_of(table.assign(split_factor=splits(), div_cash=paid))
    history = bars_of(table.assign(dividends=paid, stock_splits=splits()))
    np.testing.assert_allclose(history.frame("x")["close"], table["close"])  # as yfinance has them


def test_capital_gains_are_paid_as_dividends_are(bars_of):
    table, _ = prices(1.0)
    paid = np.where(np.arange(len(DAYS)) == SPLIT, 0.5, 0.0)
    one = bars_of(table.assign(dividend=paid), adjustment="split")
    both = bars_of(table.assign(dividend=paid * 0.4, **{"capital gain": paid * 0.6}),
                   adjustment="split")  # fmt: skip
    np.testing.assert_allclose(one.frame("x")["close"], both.frame("x")["close"])


def test_what_is_found_is_kept_by_all_that_was_stated(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    table, _ = prices(1.0)
    table = table.assign(**{f"ask {n}": table[n] for n in ("open", "high", "low", "close")})
    table.loc[50, ["ask open", "ask high", "ask low", "ask close"]] *= 100.0
    table.to_csv(tmp_path / "x.csv", index=False)
    asks = Layout(columns={n: f"ask {n}" for n in ("open", "high", "low", "close")})
    for _ in range(2):
        assert len(read_bars(tmp_path / "x.csv").frame("x")) == len(DAYS)
        with pytest.raises(DataError, match="hardly true"):
            read_bars(tmp_path / "x.csv", asks)
