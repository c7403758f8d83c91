"""Which columns are kept, and what components are made of."""

import numpy as np
import pandas as pd
import pytest

from drltrade.errors import ConfigError
from drltrade.features.preparation import Preparation
from drltrade.features.reduction import Components, Pca, Selection, _most_relevant, select


def market(seed, count=4000):
    """A close whose next return `good` speaks of, `fair` less so; `copy` is `good` once more."""
    rng = np.random.default_rng(seed)
    good, fair, noise, blurred = rng.normal(size=(4, count))
    returns = 0.01 * (0.3 * good + 0.2 * fair + rng.normal(size=count))
    close = 100 * np.exp(np.concatenate([[0.0], returns.cumsum()[:-1]]))
    columns = {"noise": noise, "copy": np.exp(good), "good": good + 0.1 * blurred, "fair": fair}
    return pd.DataFrame(columns, pd.date_range("2000-01-01", periods=count)), close


def test_the_most_relevant_and_least_redundant():
    table, close = market(0)
    assert select([table], [close], Selection(keep=1)) in (("copy",), ("good",))
    kept = select([table], [close], Selection(keep=2))
    assert "fair" in kept  # and not good and its copy
    assert "noise" not in kept
    assert select([table], [close], Selection(redundant=0.9)) == ("noise", "copy", "fair")
    assert select([table], [close], Selection(redundant=0.9, keep=2)) == ("copy", "fair")


def test_instruments_teach_together():
    both = [market(1, 300), market(2, 300)]
    tables, closes = zip(*both, strict=True)
    kept = select(tables, closes, Selection(keep=2))
    assert len(kept) == 2
    # What comes last in one has nothing to do with what comes first in the other.
    longer = [tables[0].iloc[:-1], tables[1]], [closes[0][:-1], closes[1]]
    assert select(*longer, Selection(keep=3, horizon=5))


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"keep": 5}, "selection.keep = 5: there are 4 columns"),
     ({"keep": 4, "redundant": 0.9}, "there are 3 columns to choose from"),
     ({"keep": 1, "horizon": 5000}, "selection.horizon = 5000")],
)  # fmt: skip
def test_what_cannot_be_selected(keys, message):
    table, close = market(0)
    with pytest.raises(ConfigError, match=message):
        select([table], [close], Selection(**keys))


def test_components_are_numpy_s():
    table, _ = market(3, 500)
    found = Components.fit(table, Pca(components=4))
    scores = found.transform(table)
    assert list(scores) == ["pc1", "pc2", "pc3", "pc4"]
    np.testing.assert_allclose(scores.cov(), np.eye(4), atol=1e-10)
    _, singular, vectors = np.linalg.svd(table - table.mean(), full_matrices=False)
    np.testing.assert_allclose(found.explained, singular**2 / (singular**2).sum(), rtol=1e-10)
    directions = np.array(found.weights) * singular[:, None] / np.sqrt(499)
    np.testing.assert_allclose(np.abs(directions), np.abs(vectors), atol=1e-10)
    assert all(row[np.abs(row).argmax()] > 0 for row in directions)
    share = found.explained[0] + found.explained[1] - 0.01
    assert len(Components.fit(table, Pca(explained=share)).weights) == 2
    assert len(Components.fit(table, Pca(explained=1.0)).weights) == 4


def test_more_components_than_there_are():
    table, _ = market(3, 500)
    table = table.assign(twice=2 * table["fair"])
    with pytest.raises(ConfigError, match=r"pca.components = 5: 5 columns have 4 components"):
        Components.fit(table, Pca(components=5))


@pytest.mark.parametrize("pca", [None, Pca(components=2)])
def test_a_preparation_comes_back_from_json(pca):
    import json

    table, close = market(4, 500)
    made = Preparation.fit([table], [close], {"regime()": {"mean": [0.1]}}, Selection(keep=3), pca)
    back = Preparation.from_dict(json.loads(json.dumps(made.to_dict())))
    assert back == made
    seen = back.transform(table)
    assert seen.shape == (500, 3 if pca is None else 2)
    assert set(seen.dtypes) == {np.dtype("float32")}
    pd.testing.assert_frame_equal(seen, made.transform(table))
    with pytest.raises(ConfigError, match="expected"):
        Preparation.from_dict({"scaler": {}})


def test_redundancy_is_the_mean_over_what_is_chosen():
    relevance = np.array([1.0, 0.9, 0.5, 0.1])
    between = np.zeros((4, 4))
    between[2, :2] = between[:2, 2] = 0.3
    # 0.5 - 0.3 is more than 0.1 - 0; 0.5 - 0.6, of a sum, would not be.
    assert _most_relevant(relevance, between, [0, 1, 2, 3], 3) == [0, 1, 2]


def test_components_have_no_mean_in_the_train_period():
    table = market(3, 500)[0] + 7.0
    scores = Components.fit(table, Pca(components=4)).transform(table)
    np.testing.assert_allclose(scores.mean(), 0.0, atol=1e-10)
