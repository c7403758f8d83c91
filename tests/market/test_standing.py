"""What an agent is told of its account, worked by hand."""

import numpy as np
import pytest
import torch

from drltrade.market.account import make_rule
from drltrade.market.namespaces import NUMPY, SCALAR, torch_namespace
from drltrade.market.standing import account_features, make_standing
from drltrade.market.state import Account, Bar
from drltrade.market.terms import Plan, Terms

FREE = Plan(holding=False, order_fees=False)
NAN = HOLD = float("nan")

NAMESPACES = {
    "scalar": (SCALAR, float),
    "numpy": (NUMPY, lambda number: np.array([number])),
    "torch": (torch_namespace(True), lambda number: torch.tensor([number]).double()),
}


@pytest.fixture(params=NAMESPACES)
def worked(request):
    """A namespace, and how it writes an asset's number."""
    return NAMESPACES[request.param]


# An account of 1000 in a market without costs:
#   decision                   fills at   units  cash   closes at  equity  entry  bars
STEPS = [
    ("opens", 10.0 * 10 / 1000, 10.0, 10.0, 900.0, 11.0, 1010.0, 10.0, 1),
    ("doubles", 20.0 * 20 / 1100, 20.0, 20.0, 700.0, 18.0, 1060.0, 15.0, 2),
    ("halves", 10.0 * 16 / 1020, 16.0, 10.0, 860.0, 16.0, 1020.0, 15.0, 3),
    ("closes", 0.0, 15.0, 0.0, 1010.0, 14.0, 1010.0, 0.0, 1),
    ("stays out", HOLD, 12.0, 0.0, 1010.0, 9.0, 1010.0, 0.0, 2),
    ("goes short", -5.0 * 8 / 1010, 8.0, -5.0, 1050.0, 4.0, 1030.0, 8.0, 1),
    ("keeps", HOLD, 5.0, -5.0, 1050.0, 6.0, 1020.0, 8.0, 2),
    ("flips", 5.0 * 5 / 1025, 5.0, 5.0, 1000.0, 10.0, 1050.0, 5.0, 1),
    ("halted", 1.0, NAN, 5.0, 1000.0, 2.5, 1012.5, 5.0, 2),
]
POSITION = [110 / 1010, 360 / 1060, 160 / 1020, 0, 0, -20 / 1030, -30 / 1020, 50 / 1050, 5 / 405]
UNREALISED = [0.1, 0.2, 1 / 15, 0, 0, 0.5, 0.25, 1, -0.5]


def test_standing_worked_by_hand(worked):
    xp, number = worked
    rule, (aged, of_asset) = make_rule(xp, FREE), make_standing(xp, lambda f: f)
    cash = xp.total(number(1000.0))
    account, age, mark = Account(cash, *[number(0.0)] * 4), number(0.0), 10.0
    for step, told in zip(STEPS, zip(POSITION, UNREALISED, strict=True), strict=True):
        what, target, price, units, money, close, equity, entry, bars = step
        bar = Bar(number(price), number(mark), number(close), 1 / 365)
        with np.errstate(invalid="ignore"):
            done = rule(account, number(target), number(0.0), bar, 1e-3, Terms())
        age = aged(age, account.units, done.account.units)
        account, mark = done.account, close
        seen = of_asset(account.units, account.entry, age, bar.next_close, done.equity)
        found = (account.units, account.cash, done.equity, account.entry, age, *seen)
        expected = (units, money, equity, entry, bars, *told, bars / (bars + 20))
        assert [np.asarray(each).item() for each in found] == pytest.approx(expected), what


def test_each_account_and_asset_on_its_own():
    """Elementwise, over [2 accounts, 2 assets] here."""
    standing = make_standing(NUMPY, lambda f: f)
    before = np.array([[0.0, 5.0], [-1.0, 3.0]])
    after = np.array([[2.0, 7.0], [-1.0, -3.0]])
    age = standing.aged(np.array([[7.0, 7.0], [7.0, 7.0]]), before, after)
    assert age.tolist() == [[1.0, 8.0], [8.0, 1.0]]
    entry, close = np.array([[10.0, 20.0], [10.0, 20.0]]), np.array([[11.0, 18.0], [12.0, 25.0]])
    seen = standing.of_asset(after, entry, age, close, np.array([[100.0], [50.0]]))
    np.testing.assert_allclose(seen[0], [[0.22, 1.26], [-0.24, -1.5]], rtol=1e-14)
    np.testing.assert_allclose(seen[1], [[0.1, -0.1], [-0.2, -0.25]], rtol=1e-14)
    np.testing.assert_allclose(seen[2], [[1 / 21, 8 / 28], [8 / 28, 1 / 21]], rtol=1e-14)


@pytest.mark.parametrize(
    ("units", "close", "position", "unrealised"),
    [(3, 400, 10, 10), (-3, 400, -10, -10), (2, 400, 8, 10), (3, 100, 3, 9)],
)
def test_no_figure_lies_beyond_ten(worked, units, close, position, unrealised):
    xp, number = worked
    of_asset = make_standing(xp, lambda f: f).of_asset
    seen = of_asset(*map(number, (float(units), 10.0, 20.0, float(close), 100.0)))
    assert [np.asarray(each).item() for each in seen] == [position, unrealised, 0.5]


def test_an_account_of_three_assets_has_ten_features():
    assert [account_features(assets) for assets in (1, 3)] == [4, 10]
