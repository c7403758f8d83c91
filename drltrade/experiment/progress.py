"""How far a training is: bars on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Lock, Thread

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

WatchTrial = Callable[[str, int, Mapping[str, float] | None], None]
"""Told a trial's name, its environment steps so far and its latest figures; None: it has ended."""

FIGURES = {
    "best_validation": ("best", "{:+.3f}"),
    "validation": ("validation", "{:+.3f}"),
    "reward": ("reward/bar", "{:+.5f}"),
    "steps_per_second": ("steps/s", "{:,.0f}"),
    "loss": ("loss", "{:.3f}"),
    "value_loss": ("value loss", "{:.2f}"),
}
"""What is shown of a trial, the most telling first: a narrow terminal cuts the rest."""

EVERY = 30.0
"""Seconds between two lines."""


def progress(totals: Mapping[str, int], console: Console) -> AbstractContextManager[WatchTrial]:
    """Show how far trials are; yields the function to be told of them.

    Bars where the console is a terminal; where its output is kept (a file, CI, Slurm) a line every
    `EVERY` seconds, without control codes.

    Args:
        totals: trial -> its steps.
        console: where to.
    """
    terminal = console.file.isatty() and not console.is_dumb_terminal
    return _bars(totals, console) if terminal else _lines(totals, console)


@contextmanager
def _bars(totals: Mapping[str, int], console: Console) -> Iterator[WatchTrial]:
    """A bar per trial with its latest figures."""
    with Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=12),
        TaskProgressColumn(table_column=Column(min_width=4, no_wrap=True)),
        TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("[dim]{task.fields[figures]}", table_column=Column(no_wrap=True, ratio=1)),
        console=console,
        expand=True,
    ) as shown:
        bars = {
            name: shown.add_task(name, total=total, figures="waiting", start=False)
            for name, total in totals.items()
        }
        known: dict[str, dict[str, float]] = {name: {} for name in totals}

        def watch(name: str, steps: int, figures: Mapping[str, float] | None) -> None:
            if figures is None:
                # An early stop is an end, too.
                shown.update(bars[name], total=steps, completed=steps)
                shown.stop_task(bars[name])
                return
            known[name] |= figures
            shown.start_task(bars[name])
            shown.update(bars[name], completed=steps, figures="  ".join(_told(known[name])))

        yield watch


@contextmanager
def _lines(totals: Mapping[str, int], console: Console) -> Iterator[WatchTrial]:
    """A line every `EVERY` seconds, and one when a trial ends."""
    started, over, lock = time.monotonic(), Event(), Lock()
    steps: dict[str, int] = {}
    ended: set[str] = set()
    known: dict[str, dict[str, float]] = {name: {} for name in totals}

    def say(text: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        print(f"{minutes}:{seconds:02d} {text}", file=console.file, flush=True)

    def watch(name: str, reached: int, figures: Mapping[str, float] | None) -> None:
        with lock:
            if figures is None:
                steps.pop(name, None)
                ended.add(name)
                say(f"{name}: done after {reached:,} steps")
                return
            steps[name] = reached
            known[name] |= figures

    def tick() -> None:
        while not over.wait(EVERY):
            with lock:
                for name, reached in steps.items():
                    total = totals[name]
                    share = f"{name}: {reached:,} of {total:,} steps, {reached / total:.0%}"
                    say(", ".join([share, *_told(known[name])[:3]]))
                if not steps and not ended:
                    say("no step yet")

    ticking = Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield watch
    finally:
        over.set()
        ticking.join()


def _told(figures: Mapping[str, float]) -> list[str]:
    return [
        f"{label} {form.format(figures[key])}"
        for key, (label, form) in FIGURES.items()
        if key in figures
    ]
