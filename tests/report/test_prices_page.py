"""The page of prices: its table, its marks, its series."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Browser, find_chromium

from drltrade.data.quality import check
from drltrade.report.prices import MOST_SERIES, price_figure, write_prices_report

NAMES = ("high_low (error)", "missing (error)")


def series(count: int = 60) -> pd.DataFrame:
    close = 100 + np.arange(count) % 7
    columns = {"open": close, "high": close + 2.0, "low": close - 2.0, "close": close}
    times = pd.date_range("2024-01-01", periods=count, name="time")
    return pd.DataFrame(columns, times).assign(volume=1000.0).astype(float)


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    spoilt = series()
    spoilt.iloc[20, 1] = 1.0
    spoilt.iloc[30, 3] = np.nan
    return {**{f"S{n}": series() for n in range(13)}, "<B>": spoilt}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, pd.DataFrame]) -> Path:
    path = tmp_path_factory.mktemp("prices") / "prices.html"
    return write_prices_report(
        path, title="a <set>", facts=["1d", "<zone>"], frames=frames, findings=check(frames)
    )


def test_the_page_says_what_was_found(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = text[text.rindex("</script>\n</head>") :]
    assert "<h1>a &lt;set&gt;</h1>" in text
    assert "<li>&lt;zone&gt;</li>" in text
    rows = text.count("<tr><td>")
    assert rows == 2
    assert "<td>high_low</td><td>&lt;B&gt;</td><td>2024-01-21</td><td>1</td>" in text
    assert "<td>missing</td><td>&lt;B&gt;</td><td>2024-01-31</td>" in text
    assert "2 symbols of 14 not drawn" in text


def test_symbols_with_findings_are_drawn_first(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.index("<h2>&lt;B&gt;</h2>") < text.index("<h2>S0</h2>")
    assert text.count('<section id="series-') == MOST_SERIES


def test_findings_are_marked_at_their_bars(frames: dict[str, pd.DataFrame]) -> None:
    frame = frames["<B>"]
    figure = price_figure("<B>", frame, check({"<B>": frame}))
    marks = {trace.name: trace for trace in figure.data if trace.name in NAMES}
    assert set(marks) == set(NAMES)
    assert list(marks["high_low (error)"].x) == ["2024-01-21"]
    assert list(marks["high_low (error)"].y) == [106.0]
    assert list(marks["missing (error)"].y) == [101.0]  # of the bar before


def test_a_set_without_faults_says_so(tmp_path: Path) -> None:
    path = write_prices_report(
        tmp_path / "x.html", title="x", facts=[], frames={"A": series()}, findings=[]
    )
    assert "<p>Nothing.</p>" in path.read_text(encoding="utf-8")


def test_a_browser_draws_it_without_complaint(page: Path) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Browser(program) as browser:
        browser.open(page)
        drawn = "document.querySelectorAll('.js-plotly-plot:has(.main-svg)').length"
        browser.wait_until(f"{drawn} === {MOST_SERIES}")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 1200
        assert browser.console == []
        assert browser.exceptions == []
