"""Declared rewards, such as "log_return" or {"log_return": 1, "drawdown": 0.1}, made to run.

A declaration is one term, or a mapping from terms to weights that means their weighted sum. A term
is a name from `rewards.REWARDS` with its numbers, "cvar(0.05)", or a function of the user's own:
"package.module:function", "path/to/file.py:function", or the function itself. It is called with an
`Outcome` and returns the reward of that step, elementwise.
"""

import math
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from drltrade.errors import ConfigError, listed, suggestion
from drltrade.functions import load_function, place_of
from drltrade.market.rewards import REWARDS, Argument, Outcome, RewardFunction, State

UserFunction: TypeAlias = Callable[[Outcome], Any]
Source: TypeAlias = str | UserFunction
Declaration: TypeAlias = Source | Mapping[Source, float]


@dataclass(frozen=True)
class Term:
    """One declared term, with every argument filled in.

    Attributes:
        source: a name in `REWARDS`, a "module:function" or "file.py:function", or the function.
        arguments: of a term in `REWARDS`.
    """

    source: Source
    arguments: tuple[float, ...] = ()

    def __str__(self) -> str:
        if not isinstance(self.source, str):
            return getattr(self.source, "__qualname__", repr(self.source))
        inside = ", ".join(f"{value:g}" for value in self.arguments)
        return f"{self.source}({inside})" if inside else self.source


def available_rewards() -> dict[str, str]:
    """Each term as one declares it with its defaults, and what it is and takes."""
    lines = {}
    for name, kind in REWARDS.items():
        takes = "; ".join(str(argument) for argument in kind.arguments)
        term = Term(name, tuple(argument.default for argument in kind.arguments))
        lines[str(term)] = f"{kind.description} ({takes})" if takes else kind.description
    return lines


def parse_reward(declaration: Declaration) -> dict[Term, float]:
    """Read a declaration into its terms and their weights. Imports nothing of the user's.

    Raises:
        ConfigError: names the term, what is wrong with it, and what is allowed.
    """
    if not isinstance(declaration, Mapping):
        return {_parse_term(declaration): 1.0}
    terms: dict[Term, float] = {}
    for source, weight in declaration.items():
        term = _parse_term(source)
        if term in terms:
            raise ConfigError(f"reward {str(source)!r} is declared twice: {term}")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ConfigError(f"reward {str(term)!r}: its weight is {weight!r}, not a number")
        if not math.isfinite(weight):
            raise ConfigError(f"reward {str(term)!r}: its weight is {weight}; it must be finite")
        terms[term] = float(weight)
    if not any(terms.values()):
        raise ConfigError(
            f"reward = {dict(declaration)}: give at least one term a weight other than 0"
        )
    return terms


def _parse_term(source: Any) -> Term:
    if callable(source):
        return Term(source)
    if not isinstance(source, str):
        raise ConfigError(
            f"reward {source!r}: write a term such as 'log_return', a mapping from terms to "
            "weights, or 'module:function'"
        )
    if ":" in source:
        return _parse_location(source.strip())
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", source)
    if match is None:
        raise ConfigError(
            f"reward {source!r}: write it as a name and its numbers, such as 'cvar(0.05)'"
        )
    name, inside = match[1], (match[2] or "").strip()
    if name not in REWARDS:
        raise ConfigError(
            f"reward {source!r} is unknown{suggestion(name, REWARDS)} "
            f"(available: {listed(REWARDS, name)}, or 'module:function')"
        )
    arguments = REWARDS[name].arguments
    given = [part.strip() for part in inside.split(",")] if inside else []
    if len(given) > len(arguments):
        allowed = "; ".join(str(argument) for argument in arguments) or "no arguments"
        raise ConfigError(f"reward {source!r}: {len(given)} arguments; {name} takes {allowed}")
    values = [_parse_argument(*pair, source) for pair in zip(given, arguments, strict=False)]
    defaults = [argument.default for argument in arguments[len(given) :]]
    return Term(name, (*values, *defaults))


def _parse_argument(part: str, argument: Argument, source: str) -> float:
    try:
        value = float(part)
    except ValueError:
        value = math.nan
    if not argument.accepts(value):
        raise ConfigError(f"reward {source!r}: {argument.name} = {part!r}; allowed is {argument}")
    return value


def _parse_location(source: str) -> Term:
    where, _, name = source.rpartition(":")
    is_module = all(part.isidentifier() for part in where.split("."))
    if not name.isidentifier() or not (is_module or where.endswith(".py")):
        raise ConfigError(
            f"reward {source!r}: write a function of your own as 'package.module:function' or "
            "'path/to/file.py:function'"
        )
    return Term(source)


def make_reward(xp: Any, declaration: Declaration) -> RewardFunction:
    """Specialise a declared reward to the namespace `xp`: `namespaces.SCALAR`, numpy or torch.

    Raises:
        ConfigError: the declaration is wrong, or its function can't be loaded. The step raises it
            when a function of the user's returns another shape than the outcome's, or (except in
            a tensor, where to look would wait for the device) a number that is not finite.
    """
    terms = parse_reward(declaration)
    parts = [_make_term(xp, term) for term in terms]
    weights = list(terms.values())
    if weights == [1.0]:
        return parts[0]
    sizes = [len(part.initial) for part in parts]

    def step(state: State, outcome: Outcome) -> tuple[State, Any]:
        next_state: State = ()
        total: Any = 0.0
        for part, weight, size in zip(parts, weights, sizes, strict=True):
            first = len(next_state)
            after, reward = part.step(state[first : first + size], outcome)
            next_state += after
            total = total + weight * reward
        return next_state, total

    return RewardFunction(tuple(number for part in parts for number in part.initial), step)


def _make_term(xp: Any, term: Term) -> RewardFunction:
    if isinstance(term.source, str) and term.source in REWARDS:
        kind = REWARDS[term.source]

        def registered(state: State, outcome: Outcome) -> tuple[State, Any]:
            return kind.step(xp, state, outcome, *term.arguments)

        return RewardFunction(kind.initial, registered)
    function = load_function(term.source, "reward") if isinstance(term.source, str) else term.source
    check = partial(_checked, str(term))

    def own(state: State, outcome: Outcome) -> tuple[State, Any]:
        try:
            reward = function(outcome)
        except Exception as error:
            given = (
                "plain numbers"
                if isinstance(outcome.equity, float)
                else (f"arrays or tensors of {len(outcome.equity)} accounts")
            )
            raise ConfigError(
                f"reward {str(term)!r} fails, given an Outcome of {given}: "
                f"{type(error).__name__}: {error}{place_of(error)}; an Outcome has "
                f"{', '.join(Outcome._fields)}"
            ) from error
        return state, check(reward, outcome.next_equity)

    return RewardFunction((), own)


def _checked(name: str, reward: Any, equity: Any) -> Any:
    """The reward that a user's function returned, if it can be one."""
    expected, shape = getattr(equity, "shape", ()), getattr(reward, "shape", ())
    if shape != expected or not (hasattr(reward, "shape") or isinstance(reward, numbers.Real)):
        found = f"shape {tuple(shape)}" if hasattr(reward, "shape") else type(reward).__name__
        wanted = f"shape {tuple(expected)}, one for each account" if expected else "a number"
        raise ConfigError(f"reward {name!r} returned {found}; it must return {wanted}")
    if isinstance(equity, float):
        reward = float(reward)
    if isinstance(reward, float | np.ndarray) and not np.isfinite(reward).all():
        raise ConfigError(f"reward {name!r} returned {reward}; it must be finite")
    return reward
