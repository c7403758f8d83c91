"""Train a learned generator of returns; `market.synthetic.generator` says what it is and draws.

The network guesses the noise that was mixed into a window of real returns, given the memory before
that window (Ho et al. 2020, algorithm 1). Every eighth stretch of the series is held out: the
training loop keeps the weights whose loss there is lowest, those from before the network knows its
windows by heart.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from drltrade.agents.initialisation import initialise
from drltrade.agents.optimisation import Optimization, OptimizationConfig
from drltrade.data.bars import Bars
from drltrade.errors import ConfigError
from drltrade.market.synthetic.generator import (
    FARTHEST,
    Architecture,
    Card,
    Generator,
    Memory,
    noise_schedule,
)
from drltrade.settings import Settings
from drltrade.training.checkpoint import load_weights
from drltrade.training.loop import Outcome, Recorder, TrainingConfig, Watch, cpu_threads, train

STRETCH, EVERY = 128, 8
"""Bars of a stretch, and of how many stretches one is held out."""

FEWEST_HELD_OUT = 64
"""Windows held out without which nothing tells which weights to keep."""

SMALLEST = 1e-9
"""Standard deviation of log returns below which they do not vary: closes of 16 digits are rounded
to less, and nobody's prices move by so little."""

STILL = 1e-6
"""Smallest scale of a context: one that stood still all the time tells nothing, and is 0."""

REPORT = 50
"""Gradient steps between reports of progress."""

REPEATS = 8
"""Draws of noise that the loss on each held-out window is the mean of; always the same."""

CALIBRATION = 4
"""Draws from each window's context by which the spread of windows is set right."""


class GeneratorConfig(Settings):
    """How a generator is made and trained."""

    architecture: Architecture = Architecture()
    batch_size: int = Field(256, ge=1, description="windows a gradient step")
    average: float = Field(
        0.02, gt=0, le=1, description="share of the newest weights in their running average"
    )
    optimization: OptimizationConfig = OptimizationConfig(
        learning_rate=1e-3, schedule="cosine", weight_decay=0.01, max_grad_norm=1.0
    )


class Windows(NamedTuple):
    """Windows of real returns and what was before each; B of them, standardised."""

    windows: Tensor
    """[B, W] float32."""
    contexts: Tensor
    """[B, 2 K] float32."""
    held_out: NDArray[np.bool_]
    """[B] True where it lies in a stretch held out."""
    trained_on: NDArray[np.bool_]
    """[B] True where it shares no bar with such a stretch."""
    raw: NDArray[np.float64]
    """[B, 2 K] contexts as they are."""
    statistics: dict[str, NDArray[np.float32]]
    """usual, highest, centre, scale, spread, limit; see `Generator.arrays`."""


class Split(NamedTuple):
    """Where windows begin, and which are for what; S of them."""

    starts: NDArray[np.int64]
    """[S] the first return of each."""
    held_out: NDArray[np.bool_]
    """[S] True where it lies in a stretch held out."""
    trained_on: NDArray[np.bool_]
    """[S] True where it shares no bar with such a stretch."""


def split(count: int, architecture: Architecture) -> Split:
    """All windows of `count` returns, after the longest half-life."""
    bars, first = architecture.window, int(max(architecture.half_lives))
    starts = np.arange(first, count - bars + 1)
    begins, ends = starts // STRETCH % EVERY, (starts + bars - 1) // STRETCH % EVERY
    return Split(
        starts,
        (begins == EVERY - 1) & (ends == EVERY - 1),
        (begins != EVERY - 1) & (ends != EVERY - 1),
    )


def fewest_returns(architecture: Architecture) -> int:
    """Of which there are windows to train on and `FEWEST_HELD_OUT` held out.

    Raises:
        ConfigError: a window is too long for the stretches held out.
    """
    longest = STRETCH - FEWEST_HELD_OUT + 1
    if architecture.window > longest:
        raise ConfigError(
            f"architecture.window = {architecture.window}: at most {longest}, for {FEWEST_HELD_OUT}"
            f" windows must fit into the {STRETCH} returns that are held out at a time"
        )
    first = int(max(architecture.half_lives))
    starts, held_out, trained_on = split(first + 2 * EVERY * STRETCH, architecture)
    enough = (np.cumsum(held_out) >= FEWEST_HELD_OUT) & (np.cumsum(trained_on) > 0)
    return int(starts[np.argmax(enough)]) + architecture.window


def windows_of(returns: NDArray[np.float64], architecture: Architecture) -> Windows:
    """All windows of log returns [T], after the longest half-life."""
    bars, usual = architecture.window, float(returns.std())
    memory = Memory(architecture, 1, usual)
    contexts, units = [], []
    for value in returns:
        contexts.append(memory.context[0])
        units.append(memory.unit[0])
        memory.see(np.array([value]))
    starts, held_out, trained_on = split(len(returns), architecture)
    raw = np.array(contexts)[starts]
    windows = np.stack([returns[start : start + bars] / units[start] for start in starts])
    spread, centre, scale = float(windows.std()), raw.mean(0), np.maximum(raw.std(0), STILL)
    given = np.clip((raw - centre) / scale, -FARTHEST, FARTHEST)
    return Windows(
        torch.from_numpy((windows / spread).astype(np.float32)),
        torch.from_numpy(given.astype(np.float32)),
        held_out,
        trained_on,
        raw,
        {
            "usual": np.array(usual, np.float32),
            "centre": centre.astype(np.float32),
            "scale": scale.astype(np.float32),
            "spread": np.array(spread, np.float32),
            "highest": np.array(max(units), np.float32),
            "limit": np.array(np.abs(windows / spread).max(), np.float32),
        },
    )


class Denoiser(nn.Module):
    """[B, W] noisy windows, [B] steps, [B, 2 K] contexts -> [B, W] the noise in them."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        bars, units = architecture.window, architecture.hidden
        self.steps = nn.Embedding(architecture.noise_steps, units)
        self.inputs = nn.Linear(bars + 2 * len(architecture.half_lives), units)
        self.hidden = nn.ModuleList(nn.Linear(units, units) for _ in range(architecture.layers))
        self.outputs = nn.Linear(units, bars)

    def forward(self, x: Tensor, step: Tensor, context: Tensor) -> Tensor:
        """See the class."""
        h = functional.silu(self.inputs(torch.cat((x, context), dim=1)) + self.steps(step))
        for layer in self.hidden:
            h = h + functional.silu(layer(h))
        guess: Tensor = self.outputs(h)
        return guess


class GeneratorLearner:
    """Learns to denoise the windows of one series; a `training.loop.Learner`."""

    def __init__(
        self, returns: NDArray[np.float64], config: GeneratorConfig, generator: torch.Generator
    ) -> None:
        """`generator`: on the CPU, of everything random."""
        self._config, self._generator = config, generator
        self.data = windows_of(returns, config.architecture)
        left = noise_schedule(config.architecture.noise_steps)
        self._left = torch.from_numpy(left.astype(np.float32))
        self._network = Denoiser(config.architecture)
        self.average = Denoiser(config.architecture)
        initialise(self._network, generator, gain=1.0)
        nn.init.normal_(self._network.steps.weight, std=0.1, generator=generator)
        self.average.load_state_dict(self._network.state_dict())

    def learn(
        self, total_steps: int, on_progress: Callable[[int, Mapping[str, float], Denoiser], bool]
    ) -> None:
        """Take gradient steps, or fewer where `on_progress` answers false.

        Raises:
            TrainingError: the loss or a gradient was not finite.
        """
        rows = torch.from_numpy(np.flatnonzero(self.data.trained_on))
        parameters = list(self._network.parameters())
        optimization = Optimization(self._config.optimization, parameters)
        losses = []
        for step in range(1, total_steps + 1):
            draw = torch.randint(len(rows), (self._config.batch_size,), generator=self._generator)
            loss = self._loss(self._network, rows[draw], self._generator)
            optimization.step(loss, (step - 1) / total_steps)
            self._follow(step)
            losses.append(loss.detach())
            if step % REPORT == 0 or step == total_steps:
                optimization.check()
                mean = float(torch.stack(losses[-REPORT:]).mean())
                if not on_progress(step, {"loss": mean}, self.average):
                    return

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Move the average; early on it is the mean of all weights so far."""
        share = max(self._config.average, 1.0 / step)
        for mean, newest in zip(self.average.parameters(), self._network.parameters(), strict=True):
            mean.lerp_(newest, share)

    def _loss(self, network: Denoiser, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the guessed noise in these windows."""
        clean = self.data.windows[rows]
        step = torch.randint(len(self._left), (len(rows),), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        left = self._left[step][:, None]
        noisy = left.sqrt() * clean + (1.0 - left).sqrt() * noise
        return functional.mse_loss(network(noisy, step, self.data.contexts[rows]), noise)

    @torch.no_grad()
    def score(self, network: Denoiser) -> float:
        """Minus the loss on held-out windows, each with the same noise every time."""
        fixed = torch.Generator().manual_seed(0)
        rows = torch.from_numpy(np.flatnonzero(self.data.held_out)).repeat(REPEATS)
        return -float(self._loss(network, rows, fixed))

    def weights(self) -> dict[str, Tensor]:
        """Of the averaged network."""
        return dict(self.average.state_dict())

    def generator_of(self, weights: Mapping[str, Tensor], card: Card) -> Generator:
        """What draws by these weights.

        The spread of what it draws from the real contexts is brought to that of the real windows by
        one factor, `gain`: a small error would add up as each window scales the next one.
        """
        arrays = {name: tensor.numpy() for name, tensor in weights.items()}
        arrays |= self.data.statistics | {"gain": np.array(1.0, np.float32)}
        drawing = Generator(self._config.architecture, card, arrays)
        contexts = np.repeat(self.data.raw, CALIBRATION, axis=0)
        drawn = drawing.windows(np.random.default_rng(card.seed), contexts)
        gain = float(self.data.statistics["spread"]) / drawn.std()
        return Generator(
            self._config.architecture, card, arrays | {"gain": np.array(gain, np.float32)}
        )


def train_generator(
    bars: Bars,
    symbol: str,
    start: pd.Timestamp,
    end: pd.Timestamp,
    folder: Path,
    *,
    config: GeneratorConfig | None = None,
    training: TrainingConfig | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Generator, Outcome]:
    """Train on the closes of one symbol from `start` to `end`, both included, on the CPU.

    Args:
        bars: that hold the symbol.
        symbol: whose.
        start, end: dates.
        folder: for metrics and checkpoints.
        config: what is trained.
        training: for how many gradient steps, and how often to look.
        seed: of everything random: the same gives the same weights, bit by bit.
        watch: told the steps so far and the latest figures.

    Raises:
        ConfigError: the span holds too few returns, or they do not vary.
        TrainingError: the loss was not finite.
    """
    config, training = config or GeneratorConfig(), training or DEFAULT_TRAINING
    span = bars.frame(symbol).loc[str(start.date()) : str(end.date())]
    returns = np.diff(np.log(span["close"].to_numpy(np.float64)))
    where = f"{symbol} of {bars.source} from {start.date()} to {end.date()}"
    if len(returns) < (needed := fewest_returns(config.architecture)):
        raise ConfigError(
            f"{where} has {len(returns)} returns; a generator learns from at least {needed}, "
            f"so that {FEWEST_HELD_OUT} windows are held out to choose its weights by"
        )
    if not returns.std() > SMALLEST:
        raise ConfigError(
            f"{where} has returns that do not vary (standard deviation {returns.std():.1g}): there "
            "is nothing to learn"
        )
    with cpu_threads(training.threads):
        learner = GeneratorLearner(returns, config, torch.Generator().manual_seed(seed))
        recorder = Recorder(
            learner.weights, training, learner.score, folder, watch or (lambda steps, figures: None)
        )
        outcome = train(learner, training, recorder)
    card = Card(
        data=bars.source, symbol=symbol, start=span.index[0].date(), end=span.index[-1].date(),
        periods_per_year=bars.periods_per_year, sha256=bars.sha256, seed=seed,
        steps=outcome.best_steps,
    )  # fmt: skip
    best = load_weights(folder / "checkpoints" / "best.pt", torch.device("cpu"))
    return learner.generator_of(best, card), outcome


DEFAULT_TRAINING = TrainingConfig(total_steps=3000, evaluations=20, patience=20)
"""Half a minute on one CPU thread."""
