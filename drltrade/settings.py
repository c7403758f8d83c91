"""The strict base of everything that a user sets in a TOML file, an override or a keyword."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from drltrade.errors import ConfigError, suggestion


class Settings(BaseModel):
    """Frozen, and closed: an unknown key is an error, and so is a text where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Validate `values` as `model`; `where` (a file, say) stands at the head of any error.

    Raises:
        ConfigError: names every wrong key with its value and what is allowed there.
    """
    try:
        # Strict JSON: a list becomes a tuple and an integer a float, and nothing else is coerced.
        return model.model_validate_json(json.dumps(values, default=_plain))
    except ValidationError as error:
        lines = [_explain(model, problem) for problem in error.errors()]
        raise ConfigError(f"{where}: " + "; ".join(lines)) from None


def _plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers and arrays as Python's own, dates as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _explain(model: type[BaseModel], problem: Any) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        allowed = _keys_beside(model, path)
        hint = suggestion(path[-1], allowed)
        return f"key {key!r} is unknown{hint} (allowed: {', '.join(allowed)})"
    if problem["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not path:
        return message  # a rule between keys, which it names itself
    return f"key {key!r} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that are allowed where the last part of `path` stands."""
    for part in path[:-1]:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return sorted(model.model_fields)
