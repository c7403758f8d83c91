"""A learned generator of returns: a denoising diffusion model over windows, drawn one by one.

Each window of log returns is drawn given what was before it: volatilities and mean returns,
weighted exponentially over several half-lives (`Memory`). Divided by the volatility before it, a
window is much the same in calm years and in a crash; multiplied by it again, what is drawn keeps
the level that the last window left behind. So the clusters of volatility, and its answer to losses
(the leverage effect), reach across windows, and paths have any length.

`training.generator` trains one; here is what draws, in numpy and float64.

Sources
-------
- Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", NeurIPS: algorithm 2, with
  the mean of equation 7 from a clipped estimate of the window.
- Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models", ICML: the cosine
  schedule of noise, equation 17.
- Wiese, Knobloch, Korn and Kretschmer 2020, "Quant GANs: deep generation of financial time series",
  Quantitative Finance 20(9): that networks learn the stylised facts from one series.
"""

import hashlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drltrade.atomic import write_atomic
from drltrade.errors import ConfigError, DataError
from drltrade.settings import Settings, parse
from drltrade.workspace import packaged, search_path

Floats = NDArray[np.float64]

BURN_IN = 8
"""Longest half-lives that a path is drawn for before its first bar: it begins where nothing has
happened, and forgets that."""

LOWEST = 0.05
"""Smallest volatility of a memory, relative to the usual one: where nothing moved for long."""

NUMBERS = ("usual", "highest", "spread", "limit", "gain")
"""Arrays of a generator that are one number, each above 0."""

FARTHEST = 4.0
"""Standard deviations of a context beyond which the network has seen next to nothing."""


class Architecture(Settings):
    """What a generator is made of."""

    window: int = Field(8, ge=1, description="bars drawn at once")
    half_lives: tuple[float, ...] = Field(
        (1.0, 4.0, 16.0, 64.0), min_length=1, description="of the memory, bars"
    )
    unit: int = Field(2, ge=0, description="which half-life's volatility a window is divided by")
    hidden: int = Field(128, ge=1, description="units of a layer")
    layers: int = Field(2, ge=1, le=64, description="residual layers")
    noise_steps: int = Field(50, ge=2, description="steps from noise to a window")

    @model_validator(mode="after")
    def _a_unit(self) -> "Architecture":
        if self.unit >= len(self.half_lives) or min(self.half_lives) <= 0:
            raise ValueError(
                f"unit = {self.unit}, half_lives = {list(self.half_lives)}: each above 0, and unit "
                "counts them from 0"
            )
        return self


class Card(Settings):
    """What a generator was trained on."""

    data: str
    symbol: str
    start: date
    """The first bar's date; both days belong to the span."""
    end: date
    periods_per_year: float = Field(gt=0)
    sha256: str
    """Of the data."""
    seed: int
    steps: int
    """Gradient steps until the weights were as they are."""


class Memory:
    """Exponentially weighted mean returns and squared returns, [lanes, half-lives] each."""

    def __init__(self, architecture: Architecture, lanes: int, usual: float) -> None:
        """`usual`: the standard deviation of a return; at the start it is taken for the last."""
        self._keep = 0.5 ** (1.0 / np.array(architecture.half_lives))
        self._usual, self._unit = usual, architecture.unit
        shape = (lanes, len(architecture.half_lives))
        self.mean, self.square = np.zeros(shape), np.full(shape, usual**2)

    def see(self, returns: Floats) -> None:
        """One log return [lanes] more."""
        seen = returns[:, None]
        self.mean = self._keep * self.mean + (1.0 - self._keep) * seen
        self.square = self._keep * self.square + (1.0 - self._keep) * seen**2

    @property
    def volatility(self) -> Floats:
        """[lanes, half-lives]"""
        volatility: Floats = np.maximum(np.sqrt(self.square), LOWEST * self._usual)
        return volatility

    @property
    def unit(self) -> Floats:
        """[lanes] what the next window is divided by."""
        return self.volatility[:, self._unit]

    @property
    def context(self) -> Floats:
        """[lanes, 2 half-lives]: log volatilities over the usual one; means over volatilities."""
        volatility = self.volatility
        return np.concatenate((np.log(volatility / self._usual), self.mean / volatility), axis=1)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Of each array of a generator, see `Generator.arrays`."""
    bars, units, known = architecture.window, architecture.hidden, 2 * len(architecture.half_lives)
    layers = range(architecture.layers)
    return {
        "steps.weight": (architecture.noise_steps, units),
        "inputs.weight": (units, bars + known),
        "inputs.bias": (units,),
        **{f"hidden.{layer}.weight": (units, units) for layer in layers},
        **{f"hidden.{layer}.bias": (units,) for layer in layers},
        "outputs.weight": (bars, units),
        "outputs.bias": (bars,),
        "centre": (known,),
        "scale": (known,),
        **dict.fromkeys(NUMBERS, ()),
    }


def noise_schedule(steps: int) -> Floats:
    """[steps] share of the window's variance that is left after each step of adding noise."""
    at = (np.arange(steps + 1) / steps + 0.008) / 1.008
    left = np.cos(0.5 * np.pi * at) ** 2
    kept = np.maximum(left[1:] / left[:-1], 1e-3)  # at most 0.999 of noise a step, as the paper
    schedule: Floats = np.cumprod(kept)
    return schedule


@dataclass(frozen=True)
class Generator:
    """A trained generator, ready to draw."""

    architecture: Architecture
    card: Card
    arrays: Mapping[str, NDArray[np.float32]]
    """The network's weights by their names in `training.generator.Denoiser`, and of the returns
    trained on: `usual` [] standard deviation, `highest` [] unit, `centre` and `scale` [2 K] of
    contexts, `spread` [] of windows, `limit` [] of their values in it; and `gain` [], which sets
    the spread of what is drawn right."""

    def sample(self, rng: np.random.Generator, n: int, lanes: int = 1) -> Floats:
        """[lanes, n] log returns of independent paths, stationary from the first bar on."""
        memory = Memory(self.architecture, lanes, self._number("usual"))
        before = int(BURN_IN * max(self.architecture.half_lives))
        windows: list[Floats] = []
        for _ in range(-(-(before + n) // self.architecture.window)):
            # Beyond what was seen nothing holds it back: volatility would feed itself.
            unit = np.minimum(memory.unit, self._number("highest"))
            drawn = self.windows(rng, memory.context) * unit[:, None]
            for bar in drawn.T:
                memory.see(bar)
            windows.append(drawn)
        return np.concatenate(windows, axis=1)[:, before : before + n]

    def windows(self, rng: np.random.Generator, context: Floats) -> Floats:
        """[lanes, W] returns over the unit of the memory, given its context [lanes, 2 K]."""
        given = (context - self._weights["centre"]) / self._weights["scale"]
        given = np.clip(given, -FARTHEST, FARTHEST)
        bars, limit = self.architecture.window, self._number("limit")
        left = noise_schedule(self.architecture.noise_steps)
        x = rng.standard_normal((len(context), bars))
        for step in range(len(left) - 1, -1, -1):
            now, then = left[step], left[step - 1] if step else 1.0
            kept = now / then
            clean = (x - np.sqrt(1.0 - now) * self.noise(x, step, given)) / np.sqrt(now)
            clean = np.clip(clean, -limit, limit)
            x = (np.sqrt(then) * (1.0 - kept) * clean + np.sqrt(kept) * (1.0 - then) * x) / (
                1.0 - now
            )
            if step:
                deviation = np.sqrt((1.0 - kept) * (1.0 - then) / (1.0 - now))
                x = x + deviation * rng.standard_normal(x.shape)
        return x * self._number("spread") * self._number("gain")

    def noise(self, x: Floats, step: int, context: Floats) -> Floats:
        """[lanes, W] the network's guess of the noise in x, as `training.generator.Denoiser`."""
        w = self._weights
        h = np.concatenate((x, context), axis=1) @ w["inputs.weight"].T + w["inputs.bias"]
        h = _silu(h + w["steps.weight"][step])
        for layer in range(self.architecture.layers):
            h = h + _silu(h @ w[f"hidden.{layer}.weight"].T + w[f"hidden.{layer}.bias"])
        guess: Floats = h @ w["outputs.weight"].T + w["outputs.bias"]
        return guess

    @cached_property
    def _weights(self) -> dict[str, Floats]:
        return {name: array.astype(np.float64) for name, array in self.arrays.items()}

    def _number(self, name: str) -> float:
        return float(self._weights[name])

    def save(self, path: Path) -> None:
        """Write an npz file, atomically: arrays, and `about`, a line of JSON."""
        about = json.dumps(
            {
                "architecture": self.architecture.model_dump(mode="json"),
                "card": self.card.model_dump(mode="json"),
            }
        )
        content = io.BytesIO()
        np.savez_compressed(content, about=np.array(about), **self.arrays)  # type: ignore[arg-type]
        write_atomic(path, lambda temporary: temporary.write_bytes(content.getvalue()))


SUFFIX = ".npz"
FOLDER = "generators"


def load_generator(name_or_path: str) -> Generator:
    """The generator of a file, or of data/generators/NAME.npz of the workspace or the package.

    Nothing in the file is executed.

    Raises:
        ConfigError: there is none; names those there are.
        DataError: the file is no generator.
    """
    path = find_generator(name_or_path)
    return _loaded(path, path.stat().st_mtime_ns)


def generator_sha256(name_or_path: str) -> str:
    """Of the generator's file. Raises ConfigError where there is none."""
    return hashlib.sha256(find_generator(name_or_path).read_bytes()).hexdigest()


def lasting_generator(name_or_path: str) -> str:
    """A name by which the same file is found from any directory."""
    path = find_generator(name_or_path)
    return name_or_path if path.parent == packaged("data") / FOLDER else str(path.resolve())


def find_generator(name_or_path: str) -> Path:
    """Where the file lies. Raises ConfigError where there is none; names those there are."""
    if name_or_path.endswith(SUFFIX):
        if not Path(name_or_path).is_file():
            raise ConfigError(f"generator = {name_or_path!r}: no such file")
        return Path(name_or_path)
    folders = [folder / FOLDER for folder in search_path("data")]
    for folder in folders:
        if (folder / f"{name_or_path}{SUFFIX}").is_file():
            return folder / f"{name_or_path}{SUFFIX}"
    there = sorted({path.stem for folder in folders for path in folder.glob(f"*{SUFFIX}")})
    raise ConfigError(
        f"generator = {name_or_path!r}: there is none of that name in data/{FOLDER} (there are: "
        f"{', '.join(there)}; or give the path of an npz file, see `drltrade data learn`)"
    )


UNREADABLE = (
    ValueError,
    TypeError,  # an npy file, or an `about` that is no table
    OSError,
    EOFError,
    RuntimeError,  # said to be encrypted, or compressed in a way that is not known
    MemoryError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What numpy, zipfile and json raise of a file that is broken, or of another kind."""


@lru_cache(maxsize=8)
def _loaded(path: Path, _changed: int) -> Generator:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
        architecture = parse(Architecture, about["architecture"], "architecture")
        card = parse(Card, about["card"], "card")
    except KeyError as error:
        raise DataError(f"{path}: no generator of drltrade's: it lacks {error}") from None
    except UNREADABLE as error:
        raise DataError(f"{path}: no generator of drltrade's, or broken: {error}") from None
    if wrong := _wrong(arrays, architecture):
        raise DataError(f"{path}: no generator of drltrade's, or broken: {wrong}")
    return Generator(architecture, card, arrays)


def _wrong(arrays: Mapping[str, NDArray[Any]], architecture: Architecture) -> str | None:
    """What keeps these arrays from being a generator's, if anything does."""
    expected = shapes(architecture)
    for name in sorted(expected.keys() ^ arrays.keys()):
        return f"it lacks array {name!r}" if name in expected else f"array {name!r} is unknown"
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape:
            return f"array {name!r} has shape {array.shape}; its architecture needs {shape}"
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return f"array {name!r} must hold finite numbers"
        if name in ("scale", *NUMBERS) and not (array > 0).all():
            return f"array {name!r} must be above 0"
    return None


def _silu(x: Floats) -> Floats:
    from scipy.special import expit  # it adds a filter of warnings when it is imported

    result: Floats = x * expit(x)
    return result
