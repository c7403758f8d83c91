"""The page of the ladder: its table, its remarks, its figures."""

from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_chromium
from ladder_scores import some_scores

from drltrade.report.ladder import remarks, write_ladder_report
from drltrade.report.portrait_figures import portrait_figure


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    settings = {"steps": 1000, "agent": {"algorithm": "exo_dqn"}}
    return write_ladder_report(
        folder / "ladder.html", agent="exo <1>", scores=some_scores(), settings=settings
    )


def test_the_page_says_what_the_scores_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = text[: text.index("<script>")] + text[text.rindex("</style>") :]
    assert "exo &lt;1&gt; on markets whose optimum is known" in text
    assert "3 of 4 rungs played" in text
    share = 100 * (0.054 - 0.001) / 0.0547
    assert f"<b>{share:.1f}%</b>" in text
    assert "hidden &lt;regime&gt;" in text
    assert "it takes &lt;positions&gt; alone" in text
    assert "<positions>" not in text


def test_remarks_name_their_rung() -> None:
    said = remarks(some_scores())
    assert len(said) == 2
    assert said[0].startswith("martingale: value +0.00000 (s.e. 0.00010), within 2 s.e. of 0")
    assert said[1] == "kelly: not played: it takes <positions> alone"


def test_the_figure_shows_median_range_and_optimum() -> None:
    portraits = [seed.portrait for seed in some_scores()[0].seeds]
    figure = portrait_figure(portraits, "exo")
    named = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert named == ["exo, median and range of 3 seeds", "optimal"]
    high, low, middle, optimal = figure.data[:4]
    each = np.stack([portrait.chosen[0] for portrait in portraits])
    np.testing.assert_array_equal(middle.y, np.median(each, axis=0))
    np.testing.assert_array_equal(high.y, each.max(0))
    np.testing.assert_array_equal(low.y, each.min(0))
    np.testing.assert_array_equal(optimal.y, portraits[0].optimal[0])


def test_the_page_opens_offline_without_an_error(page: Path) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Browser(program, width=1200) as browser:
        browser.open(page)
        browser.wait_until(
            "document.querySelectorAll('.js-plotly-plot:has(.xtitle, .x2title)').length == 3"
        )
        assert (browser.console, browser.exceptions, browser.log) == ([], [], [])
        assert browser.evaluate("document.documentElement.scrollWidth") <= 1200
        outside = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
        assert outside == [page.as_uri()]
        # No title, tick or legend lies upon another.
        boxes = (
            "[...document.querySelectorAll('.js-plotly-plot')].map(plot => "
            "[...plot.querySelectorAll('.annotation-text, .legendtext, .xtitle, .x2title, "
            ".ytitle, .y2title, .xtick text, .x2tick text')].map(text => { "
            "const b = text.getBoundingClientRect(); "
            "return [b.left, b.top, b.right, b.bottom]; }))"
        )
        for labels in browser.evaluate(boxes):
            assert len(labels) > 5
            for i, a in enumerate(labels):
                for b in labels[:i]:
                    apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
                    assert apart, (a, b)
