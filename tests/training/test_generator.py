"""Training a generator of returns: it learns, by the seed alone, and is what it was on disk."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import torch

from drltrade.data.catalog import load_bars
from drltrade.errors import ConfigError, DataError
from drltrade.market.synthetic.generator import (
    BURN_IN,
    Architecture,
    Memory,
    find_generator,
    load_generator,
    noise_schedule,
)
from drltrade.settings import parse
from drltrade.training.generator import (
    EVERY,
    FEWEST_HELD_OUT,
    STRETCH,
    GeneratorConfig,
    GeneratorLearner,
    fewest_returns,
    split,
    train_generator,
    windows_of,
)
from drltrade.training.loop import TrainingConfig

SHORT = TrainingConfig(total_steps=200, evaluations=4)
SPAN = pd.Timestamp("1999-01-01"), pd.Timestamp("2002-12-31")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return [
        train_generator(
            load_bars("sp500"), "SP500", *SPAN,
            tmp_path_factory.mktemp("run") / "it", training=SHORT, seed=seed,
        )
        for seed in (0, 0, 1)
    ]  # fmt: skip


def test_a_short_training_lowers_the_loss_on_what_was_held_out(trained, tmp_path):
    learner = GeneratorLearner(returns(), GeneratorConfig(), torch.Generator().manual_seed(0))
    before = -learner.score(learner.average)
    _, outcome = trained[0]
    # The noise to be guessed has variance 1: who knows nothing loses 1.
    assert before > 0.95
    assert -outcome.best_validation < 0.75 * before


def test_the_same_seed_gives_the_same_weights_bit_by_bit(trained):
    (one, _), (same, _), (other, _) = trained
    assert one.arrays.keys() == same.arrays.keys()
    for name in one.arrays:
        np.testing.assert_array_equal(one.arrays[name], same.arrays[name], err_msg=name)
    weight = "hidden.0.weight"
    assert not np.array_equal(one.arrays[weight], other.arrays[weight])
    drawn = [each.sample(np.random.default_rng(3), 50) for each in (one, same, other)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_what_draws_is_the_network_that_was_trained(trained):
    generator, _ = trained[0]
    learner = GeneratorLearner(returns(), GeneratorConfig(), torch.Generator().manual_seed(0))
    weights = {name: torch.from_numpy(array) for name, array in generator.arrays.items()}
    learner.average.load_state_dict({name: weights[name] for name in learner.weights()})
    rng = np.random.default_rng(0)
    x, context = rng.standard_normal((5, 8)), rng.standard_normal((5, 8))
    for step in (0, 20, 49):
        with torch.no_grad():
            guess = learner.average(
                torch.from_numpy(x).float(),
                torch.full((5,), step),
                torch.from_numpy(context).float(),
            )
        np.testing.assert_allclose(generator.noise(x, step, context), guess, atol=1e-5)


def test_a_generator_is_the_same_after_a_file(trained, tmp_path):
    generator, _ = trained[0]
    path = tmp_path / "mine.npz"
    generator.save(path)
    again = load_generator(str(path))
    assert again.card == generator.card
    assert (again.card.symbol, again.card.start) == ("SP500", date(1999, 1, 4))
    assert again.card.end == date(2002, 12, 31)
    np.testing.assert_array_equal(
        again.sample(np.random.default_rng(0), 40, 3),
        generator.sample(np.random.default_rng(0), 40, 3),
    )


def test_windows_and_what_is_held_out():
    series, architecture = returns(), Architecture()
    data, bars = windows_of(series, architecture), architecture.window
    assert not (data.held_out & data.trained_on).any()
    first = int(max(architecture.half_lives))
    begins = first + np.flatnonzero(data.trained_on)
    seen = np.unique(begins[:, None] + np.arange(bars))
    assert (seen // STRETCH % EVERY != EVERY - 1).all()
    held = first + np.flatnonzero(data.held_out)
    assert ((held + bars - 1) // STRETCH % EVERY == EVERY - 1).all()
    assert 0.08 < data.held_out.mean() < 0.16
    # A window times its unit is the returns; the unit knows only what was before.
    memory = Memory(architecture, 1, float(series.std()))
    for value in series[:100]:
        memory.see(np.array([value]))
    row = 100 - first
    window = data.windows[row].numpy() * data.statistics["spread"] * memory.unit[0]
    np.testing.assert_allclose(window, series[100 : 100 + bars], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(data.raw[row], memory.context[0], rtol=1e-12)


def test_the_memory_is_exponential():
    memory = Memory(Architecture(half_lives=(2.0, 8.0), unit=1), 1, 0.01)
    for _ in range(8):
        memory.see(np.array([0.03]))
    left = 0.5 ** np.array([4.0, 1.0])
    np.testing.assert_allclose(memory.mean[0], 0.03 * (1 - left), rtol=1e-12)
    np.testing.assert_allclose(memory.square[0], left * 0.01**2 + (1 - left) * 0.03**2, rtol=1e-12)
    assert memory.unit == memory.volatility[:, 1]


def test_the_schedule_ends_in_noise():
    left = noise_schedule(50)
    assert (np.diff(left) < 0).all()
    assert left[0] > 0.99
    assert left[-1] < 1e-3


def test_paths_do_not_depend_on_how_long_they_are(trained):
    generator, _ = trained[0]
    long, short = (generator.sample(np.random.default_rng(0), n)[0] for n in (100, 30))
    np.testing.assert_array_equal(long[:30], short)
    assert BURN_IN * 64 == 512


def test_the_shipped_generator_does_not_repeat_what_it_learned():
    """Its windows are as far from the nearest one it was trained on as those held out are."""
    close = load_bars("sp500").frame("SP500")["close"].loc["1999":"2010"]
    series = np.diff(np.log(close.to_numpy()))
    generator = load_generator("sp500")
    known = windows_of(series, generator.architecture)
    drawn = generator.sample(np.random.default_rng(0), len(series))[0]
    others = windows_of(drawn, generator.architecture).windows.numpy()[::8]
    windows = known.windows.numpy()

    def nearest(some):
        square = ((some[:, None] - windows[known.trained_on][None]) ** 2).mean(axis=2)
        return np.median(np.sqrt(square.min(axis=1)))

    assert nearest(others) > 0.9 * nearest(windows[known.held_out])


@pytest.mark.parametrize(("end", "count"), [("1999-12-31", 251), ("2002-08-09", 904)])
def test_too_short_a_span(end, count, tmp_path):
    message = f"SP500 of .* from 1999-01-01 to {end} has {count} returns; .* at least 967"
    with pytest.raises(ConfigError, match=message):
        train_generator(load_bars("sp500"), "SP500", SPAN[0], pd.Timestamp(end), tmp_path)


@pytest.mark.parametrize(
    "settings", [{}, {"window": 65}, {"half_lives": (1.0, 970.0), "unit": 0}, {"window": 1}]
)
def test_how_many_returns_are_needed(settings):
    architecture = Architecture(**settings)
    needed = fewest_returns(architecture)
    enough, fewer = split(needed, architecture), split(needed - 1, architecture)
    assert enough.held_out.sum() == FEWEST_HELD_OUT
    assert fewer.held_out.sum() == FEWEST_HELD_OUT - 1
    assert enough.trained_on.any()


def test_some_are_trained_on_even_where_the_memory_is_long():
    architecture = Architecture(half_lives=(930.0,), unit=0)
    enough = split(fewest_returns(architecture), architecture)
    assert enough.trained_on.sum() == 1
    assert enough.held_out.sum() > FEWEST_HELD_OUT


def test_windows_that_no_stretch_holds():
    with pytest.raises(ConfigError, match="window = 66: at most 65"):
        fewest_returns(Architecture(window=66))


@pytest.mark.parametrize("growth", [0.0, 1e-3])
def test_returns_that_do_not_vary(growth, tmp_path):
    bars = load_bars("sp500")
    frame = bars.frame("SP500")
    frame[["open", "high", "low", "close"]] = 100.0
    frame["close"] *= np.exp(growth * np.arange(len(frame)))
    constant = replace(bars, frames={"SP500": frame})
    with pytest.raises(ConfigError, match="has returns that do not vary"):
        train_generator(constant, "SP500", *SPAN, tmp_path, training=SHORT)


def test_a_series_that_stood_still_before_its_last_stretch():
    """What a memory does not see vary tells nothing, and divides nothing."""
    moved = np.zeros(1000)
    moved[-5:] = 0.01
    data = windows_of(moved, Architecture())
    assert torch.isfinite(data.windows).all()
    assert torch.isfinite(data.contexts).all()


def test_a_file_that_is_no_generator(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, about=np.array("{}"))
    with pytest.raises(DataError, match=r"mine\.npz: no generator of drltrade's"):
        load_generator(str(path))
    with pytest.raises(ConfigError, match=r"nowhere\.npz'?: no such file"):
        load_generator(str(tmp_path / "nowhere.npz"))
    with pytest.raises(ConfigError, match=r"none of that name in data/generators"):
        load_generator("nowhere")
    with pytest.raises(ConfigError, match="unit = 4"):
        parse(Architecture, {"unit": 4}, "here")


def _saved(path, change):
    """The shipped generator as (about, arrays), changed by a function and written."""
    with np.load(find_generator("sp500")) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays.pop("about")))
    change(about, arrays)
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about, arrays: arrays.pop("gain"), "it lacks array 'gain'"),
        (lambda about, arrays: arrays.update(more=np.ones(1)), "array 'more' is unknown"),
        (
            lambda about, arrays: arrays.update({"inputs.weight": np.ones((128, 15))}),
            r"array 'inputs.weight' has shape \(128, 15\); its architecture needs \(128, 16\)",
        ),
        (
            lambda about, arrays: about["architecture"].update(layers=1),
            r"array 'hidden\.1\.bias' is unknown",
        ),
        (
            lambda about, arrays: arrays["outputs.bias"].put(3, np.nan),
            "array 'outputs.bias' must hold finite numbers",
        ),
        (lambda about, arrays: arrays.update(gain=np.array("a")), "array 'gain' must hold finite"),
        (lambda about, arrays: arrays.update(usual=np.array(0.0)), "array 'usual' must be above 0"),
        (lambda about, arrays: arrays["scale"].put(0, 0.0), "array 'scale' must be above 0"),
        (lambda about, arrays: about.pop("card"), "it lacks 'card'"),
        (lambda about, arrays: about["card"].update(periods_per_year=0), "periods_per_year"),
        (lambda about, arrays: about.update(architecture=None), "architecture"),
    ],
)
def test_a_generator_that_is_not_whole(change, message, tmp_path):
    path = tmp_path / "mine.npz"
    _saved(path, lambda about, arrays: None)
    load_generator(str(path))
    other = tmp_path / "other.npz"
    _saved(other, change)
    with pytest.raises(DataError, match=rf"other\.npz: no generator of drltrade's.*{message}"):
        load_generator(str(other))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_generator(kept, tmp_path):
    whole, path = find_generator("sp500").read_bytes(), tmp_path / "mine.npz"
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(DataError, match=r"mine\.npz: no generator of drltrade's, or broken"):
        load_generator(str(path))


def test_an_array_by_the_name_of_a_generator(tmp_path):
    path = tmp_path / "mine.npz"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(DataError, match=r"mine\.npz: no generator of drltrade's, or broken"):
        load_generator(str(path))


def test_any_broken_byte_is_a_data_error(tmp_path):
    whole, rng, refused = find_generator("sp500").read_bytes(), np.random.default_rng(0), 0
    directory = whole.find(b"PK\x01\x02")
    for number in range(100):
        broken = bytearray(whole)
        broken[rng.integers(directory, len(whole))] = rng.integers(256)
        path = tmp_path / f"{number}.npz"
        path.write_bytes(broken)
        try:
            load_generator(str(path))
        except DataError:
            refused += 1
    assert refused > 30


def returns():
    close = load_bars("sp500").frame("SP500")["close"].loc["1999":"2002"]
    return np.diff(np.log(close.to_numpy()))
