"""The strict base of everything that a user sets in a TOML file, an override or a keyword."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from drltrade.errors import ConfigError, listed, suggestion


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
    model, path = _descend(model, path)
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        allowed = sorted(model.model_fields)
        hint = suggestion(path[-1], [*allowed, *inner_keys(model)])
        return f"key {key!r} is unknown{hint} (allowed: {listed(allowed, path[-1])})"
    if problem["type"] == "missing":
        return f"key {key!r} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not path:
        return message  # a rule between keys, which it names itself
    return f"key {key!r} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"


def _descend(model: type[BaseModel], path: list[str]) -> tuple[type[BaseModel], list[str]]:
    """(the model where the last part of `path` stands, the path as a preset would write it).

    Where a table may be one of several models, pydantic puts the chosen one's tag into the path.
    """
    written, rest = path[:1], path[1:]
    while rest:
        field = model.model_fields.get(written[-1])
        inner = _models(field.annotation) if field else []
        if not inner:
            return model, written + rest
        tagged = [each for each in inner if rest[0] in _tags(each)]
        if len(inner) > 1 and tagged:
            inner, rest = tagged, rest[1:]
        model = inner[0]
        written, rest = written + rest[:1], rest[1:]
    return model, written


def inner_keys(model: type[BaseModel]) -> list[str]:
    """Keys of the tables within a model: "costs.commission_bps"."""
    return [
        f"{name}.{key}"
        for name, field in model.model_fields.items()
        for inner in _models(field.annotation)
        for key in inner.model_fields
    ]


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """What tells a model from the others that may stand in its place."""
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()
