"""The report of the ladder: an agent's share of every known optimum, and what it has learned."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drltrade import atomic
from drltrade.evaluation.ladder import RungScore
from drltrade.report.page import page, plot, section
from drltrade.report.portrait_figures import portrait_figure
from drltrade.report.summary import counted
from drltrade.report.tables import number, settings_table

HEADINGS = (
    "% of optimum", "95% interval", "Lowest seed", "Value", "Optimum", "Turnover",
    "CPU s a seed",
)  # fmt: skip

EXPLAINED = (
    "Long-run average reward as a share of the greatest there is: interquartile mean over seeds, "
    "its 95% bootstrap interval over seeds, and the lowest seed. Values are expected rewards on "
    "fresh bars, or exact where a policy is a table of state and position, in units of return "
    "a bar (of growth a year where marked). Each seed learned in a market of its own, without "
    "validation or early stopping, and the policy of the end is judged."
)

MAP = (
    "What the policy asks for, over what it sees, for each position held. Median and range over "
    "the seeds, and the optimal policy."
)
PATH = "Positions along the same bars. Median and range over the seeds, and the optimal policy."


def write_ladder_report(
    path: str | Path,
    *,
    agent: str,
    scores: Sequence[RungScore],
    settings: Mapping[str, Any],
) -> Path:
    """Write the page to `path`, atomically, and return the path.

    Args:
        path: the HTML file.
        agent: its name.
        scores: of each rung.
        settings: everything that the result depends on, nested; shown as it is.
    """
    title = f"{agent} on markets whose optimum is known"
    seeds = max((len(score.seeds) for score in scores), default=0)
    played = [score for score in scores if score.seeds]
    facts = [
        f"{len(played)} of {counted(len(scores), 'rung')} played",
        f"{counted(seeds, 'seed')} each",
        f"{sum(len(score.seeds) for score in played):,} trainings",
    ]
    listed = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts)
    parts = [
        f'<header><h1>{html.escape(title)}</h1><ul class="facts">{listed}</ul></header>',
        section("shares", "Share of the optimum", _table(scores) + _notes(scores), EXPLAINED),
        *(_drawn(score, agent) for score in played),
        section("settings", "Settings", settings_table(settings)),
    ]
    path = Path(path)
    atomic.write_text(path, page(title, parts))
    return path


def _table(scores: Sequence[RungScore]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    body = "".join(_row(score) for score in scores)
    return (
        '<div class="scroll"><table class="results"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(score: RungScore) -> str:
    name = f"<th>{html.escape(score.rung)}<small>{html.escape(score.about)}</small></th>"
    if not score.seeds:
        none = '<span class="none">not played</span>'
        return f'<tr>{name}<td colspan="{len(HEADINGS)}">{none}</td></tr>'
    share, year = score.share, "<small>a year</small>" if score.per == "year" else ""
    if share is None:
        shares = [number(math.nan, "%")] * 3
    else:
        low, high = (number(end, "%") for end in (share.low, share.high))
        interval = number(math.nan, "%") if math.isnan(share.low) else f"{low} to {high}"
        shares = [f"<b>{number(share.middle, '%')}</b>", interval, number(share.minimum, "%")]
    cells = [
        *shares,
        f"{number(score.value, '.5f')}<small>\N{PLUS-MINUS SIGN} {score.error:.5f}</small>",
        f"{number(score.optimum, '.5f')}{year}",
        number(score.turnover, ".4f"),
        number(score.cpu_seconds, ",.1f"),
    ]
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _notes(scores: Sequence[RungScore]) -> str:
    items = [f"<li>{html.escape(line)}</li>" for line in remarks(scores)]
    return f'<ul class="notes">{"".join(items)}</ul>' if items else ""


def remarks(scores: Sequence[RungScore]) -> list[str]:
    """What the numbers do not say: where nothing can be earned, what was changed, what failed."""
    said = []
    for score in scores:
        texts = [score.verdict, score.note, *score.failed]
        if score.unfit:
            texts.append(f"{'not played' if not score.seeds else 'refused'}: {score.unfit}")
        said += [f"{score.rung}: {text}" for text in texts if text]
    return said


def _drawn(score: RungScore, agent: str) -> str:
    portraits = [each.portrait for each in score.seeds]
    first = portraits[0]
    extra = (
        " The belief is all that the past says of the regime." if first.belief is not None else ""
    )
    return section(
        f"rung-{score.rung}",
        score.rung,
        plot(f"rung-{score.rung}", portrait_figure(portraits, agent)),
        f"{score.about}. {PATH if first.kind == 'path' else MAP}{extra}",
    )
