"""`drltrade audit`: does a feature, a preset or an environment know the future?"""

from typing import Any

import typer

from drltrade.cli.tables import show_table


def run_audit(
    target: str | None, env: str | None, gym: str | None, planted: bool, data: str,
    symbol: str | None, cuts: int, as_json: bool,
) -> None:  # fmt: skip
    """Audit what is asked for, and print the leaks; exit code 1: there are some.

    Of planted features the leaks are wanted: there exit code 1 says that one was not found.
    """
    from drltrade.data.catalog import load_bars
    from drltrade.errors import ConfigError
    from drltrade.features.audit import audit
    from drltrade.features.planted import PLANTED
    from drltrade.functions import load_function

    if sum((target is not None, env is not None, gym is not None, planted)) != 1:
        raise ConfigError("audit one: features (file.py:function), --env, --gym or --planted")
    if env is not None:
        rows = _of_preset(env, cuts)
    else:
        bars = load_bars(data)
        frame = bars.frame(symbol or bars.symbols[0])
        if planted:
            rows = [
                {"of": name, **_row(leak)}
                for name, build in PLANTED.items()
                for leak in audit(build, frame, cuts)
            ]
        elif gym is not None:
            from drltrade.envs.auditing import audit_env

            made = load_function(gym, "env")
            rows = [{"of": gym, **_row(leak)} for leak in audit_env(made, frame, cuts)]
        else:
            assert target is not None
            built = load_function(target, "features")
            rows = [{"of": target, **_row(leak)} for leak in audit(built, frame, cuts)]
    if rows or as_json:
        show_table("What knows the future", rows, as_json)
    else:
        typer.echo(f"nothing of the future found in {target or env or gym}, at {cuts} cuts")
        if env is not None and (series := _series(env)):
            typer.echo(
                f"not examined: the exogenous {series}, taken to be known when the lag is over"
            )
    if planted:
        _judge_planted(rows)
    elif rows:
        raise typer.Exit(1)


def _judge_planted(rows: list[dict[str, Any]]) -> None:
    """Say whether every planted leak was found; exit code 1 where one was not."""
    from drltrade.features.planted import PLANTED

    missed = set(PLANTED) - {row["of"] for row in rows}
    if missed:
        typer.echo(f"NOT found: {', '.join(sorted(missed))} (exit code 1)", err=True)
        raise typer.Exit(1)
    typer.echo(f"all {len(PLANTED)} planted leaks were found (exit code 0)", err=True)


def _of_preset(name: str, cuts: int) -> list[dict[str, Any]]:
    from drltrade.data.catalog import load_bars
    from drltrade.envs.auditing import audit_preset
    from drltrade.errors import ConfigError
    from drltrade.experiment.env_presets import resolve_env

    config = resolve_env(name, {})
    if getattr(config, "synthetic", None) is not None:
        raise ConfigError(f"{name} is a synthetic market, which draws its bars itself")
    found = audit_preset(config, load_bars(config.data), cuts)
    return [{"of": f"{name}, {symbol}", **_row(leak)} for symbol, leak in found]


def _series(name: str) -> str:
    from drltrade.experiment.env_presets import resolve_env

    return ", ".join(resolve_env(name, {}).exogenous)


def _row(leak: Any) -> dict[str, Any]:
    """The feature, its first bar, by how much it changed, and what was done to the future."""
    from drltrade.report.tables import moment

    return {
        "feature": leak.feature, "first bar": moment(leak.time), "size": f"{leak.amount:.6g}",
        "when": leak.how,
    }  # fmt: skip
