"""What the single environments share: `drltrade/Trading-v0` and `drltrade/Portfolio-v0`."""

from typing import Any, ClassVar, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from drltrade.envs.actions import make_actions
from drltrade.envs.config import PortfolioConfig, TradingConfig, with_frames
from drltrade.envs.episode import Episode
from drltrade.envs.flat_info import flat_info as flat
from drltrade.envs.market_config import MarketConfig, parse_market
from drltrade.envs.observations import Observation
from drltrade.envs.rendering import RENDER_FPS, RENDER_MODES, Picture
from drltrade.envs.task import Task
from drltrade.errors import ConfigError, UnknownKeywordError, listed, suggestion
from drltrade.market.terms import OBSERVED_BOUND
from drltrade.settings import inner_keys, parse

SHARED = {"period", "episode_length"}
"""What may be given beside a prepared task."""


class MarketEnv(gymnasium.Env[Observation, Any]):
    """One account, one decision a bar."""

    preset: ClassVar[type[TradingConfig] | type[PortfolioConfig]]
    """Whose keys are the keyword arguments."""
    id: ClassVar[str]
    """Under which Gymnasium knows it."""

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own form)
        "render_modes": list(RENDER_MODES),
        "render_fps": RENDER_FPS,
    }

    def __init__(
        self,
        task: Task | None = None,
        *,
        render_mode: str | None = None,
        flat_info: bool = False,
        **settings: Any,
    ) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ConfigError(
                f"{self.id}: render_mode = {render_mode!r} (allowed: {', '.join(RENDER_MODES)})"
            )
        self.task, self.config = _prepared(self.preset, self.id, task, settings)
        self.render_mode = render_mode
        self.flat_info = flat_info
        self._picture = Picture(self.task.market.symbols) if render_mode else None
        self.episode = _episode(self.task, self.config)
        self.actions = make_actions(self.config, self.task.market.symbols)
        self.action_space: spaces.Space[Any] = self.actions.space
        self.observation_space = spaces.Box(
            -OBSERVED_BOUND, OBSERVED_BOUND, (self.episode.size,), np.float32
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode with a fresh account; see `gymnasium.Env.reset`."""
        super().reset(seed=seed)
        observed, self._known = self.episode.start(self.np_random, options, seeded=seed is not None)
        if self._picture is not None:
            self._picture.begin()
            self._shown()
        return observed, flat(self._known) if self.flat_info else self._known

    def step(self, action: Any) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Decide at this bar's close, go to the close of the next; see `gymnasium.Env.step`.

        Raises:
            ValueError: the action lies outside the space; names it, the bar and what is allowed.
            ConfigError: the episode is over, or none has begun.
        """
        try:
            self.actions.one(action, self.episode.orders)
        except ValueError as error:
            raise self.episode.refused(error) from None
        stepped = self.episode.play()
        self._known = stepped[4]
        if self._picture is not None:
            self._shown()
        return (*stepped[:4], flat(self._known)) if self.flat_info else stepped

    def _shown(self) -> None:
        """Add the bar just closed to the picture, and show it to a human at once."""
        assert self._picture is not None
        self._picture.add(self._known, self.task.market.close[self.episode.row])
        if self.render_mode == "human":
            self._picture.show()

    def render(self) -> Any:
        """Price, position and equity of the episode so far; see `rendering`."""
        if self._picture is None or self.render_mode == "human":
            return None
        return self._picture.pixels()

    def action_masks(self) -> NDArray[np.bool_]:
        """[A] which of a list of actions have a use now; see `actions.Actions.masks`."""
        if self.episode.row < 0:
            raise ConfigError("no episode has begun: call reset() first")
        weight = np.asarray(self._known["weights"])[None]
        masks: NDArray[np.bool_] = self.actions.masks(
            weight,
            self.task.market.tradable[[self.episode.row]],
            np.array([self._known["equity"]]),
            self.task.rules,
        )
        allowed: NDArray[np.bool_] = masks[0]
        return allowed


def _prepared(
    model: type[Any], where: str, task: Task | None, settings: dict[str, Any]
) -> tuple[Task, Any]:
    """(task, its settings) of an environment made from a shared task or from settings alone."""
    _check_keywords(model, where, settings)
    if task is None:
        task = Task.build(parse_market(model, with_frames(settings, where), where))
        return task, task.config
    if odd := set(settings) - SHARED:
        raise ConfigError(
            f"{where}: a prepared task settles everything but period and episode_length; "
            f"found {', '.join(sorted(odd))}"
        )
    if not isinstance(task.config, model):
        raise ConfigError(f"{where}: the prepared task is a {type(task.config).__name__}'s")
    values = {key: getattr(task.config, key) for key in SHARED} | settings
    shared = parse(model, values, where)
    return task, task.config.model_copy(update={key: getattr(shared, key) for key in values})


def _check_keywords(model: type[Any], where: str, settings: dict[str, Any]) -> None:
    """Refuse keywords that are no keys of the preset.

    Clients that offer every environment a few keywords of their own try again without one that is
    an "unexpected keyword argument".
    """
    allowed = sorted(model.model_fields)
    known = [*allowed, *inner_keys(model)]
    unknown = [
        f"unexpected keyword argument {key!r}: key {key!r} is unknown{suggestion(key, known)}"
        for key in settings
        if key not in allowed
    ]
    if unknown:
        named = listed(allowed, next(key for key in settings if key not in allowed))
        raise UnknownKeywordError(f"{where}: {'; '.join(unknown)} (allowed: {named})")


def _episode(task: Task, config: MarketConfig) -> Episode:
    """Random parts of the train period; any other period as a whole."""
    whole = config.period != "train"
    return Episode(task, config.period, None if whole else config.episode_length)
