"""The report in a real browser: it draws everything, asks for nothing and complains of nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, find_chromium
from synthetic_entries import SETTINGS

from drltrade.report.html import write_report
from drltrade.report.summary import Entry


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed")
    with Browser(program, width=1200) as browser:
        yield browser


def test_the_browser_notices_what_a_page_does_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><title>bad</title><img src='missing.png'>"
        "<script>console.error('wrong'); throw Error('thrown')</script>"
    )
    browser.open(page)
    assert "wrong" in browser.console[0]
    assert "thrown" in browser.exceptions[0]
    assert "ERR_FILE_NOT_FOUND" in browser.log[0]
    assert browser.requests == [page.as_uri(), (tmp_path / "missing.png").as_uri()]


def test_the_report_opens_offline_without_an_error(
    browser: Browser, entries: list[Entry], tmp_path: Path
) -> None:
    page = write_report(
        tmp_path / "report.html",
        title="Two agents on a random walk",
        entries=entries,
        benchmark="buy-and-hold",
        settings=SETTINGS,
    )
    figures = page.read_text(encoding="utf-8").count('id="plot-')
    assert figures == 9
    browser.open(page)
    drawn = "document.querySelectorAll('.js-plotly-plot:has(.main-svg)').length"
    browser.wait_until(f"{drawn} === {figures}")
    assert browser.evaluate("document.querySelectorAll('.js-plotly-plot').length") == figures
    empty = (
        "[...document.querySelectorAll('.js-plotly-plot')]"
        ".filter(plot => !plot.querySelector('.trace, .hm, .bars')).map(plot => plot.id)"
    )
    assert browser.evaluate(empty) == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= 1200
    assert browser.evaluate("document.body.scrollWidth <= document.body.clientWidth")
    assert browser.console == []
    assert browser.exceptions == []
    assert browser.log == []
    outside = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [page.as_uri()]
    picture = tmp_path / "report.png"
    browser.screenshot(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
