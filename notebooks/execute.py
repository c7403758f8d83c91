"""Execute notebooks in place, so that their outputs and pictures are those of today's code.

    python notebooks/execute.py [NOTEBOOK ...]

Without arguments all of them. Each runs in an empty temporary folder. Plots are stored twice: as
plotly's own data, which JupyterLab and VS Code draw offline, and as a picture for every other
viewer, GitHub among them. The pictures are drawn by a headless Chromium, which has to be installed.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from plotly.offline import get_plotlyjs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser import Browser, find_chromium

PLOTLY = "application/vnd.plotly.v1+json"
PNG = "image/png"
WIDTH, HEIGHT, SCALE = 1000, 450, 1.5

PAGE = '<html><head><link rel="icon" href="data:,"><script src="plotly.js"></script></head></html>'
DRAW = """
window.picture = null;
(function (figure, size) {{
  const layout = Object.assign({{}}, figure.layout, {{paper_bgcolor: "#FFFFFF"}});
  Plotly.toImage({{data: figure.data, layout: layout}}, size).then(url => {{ picture = url; }});
}})({figure}, {size});
"""


def execute(path: Path, chromium: str) -> None:
    """Run every cell of a notebook and write it back."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    # What differs from machine to machine and says nothing stays out of the file.
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    plots = [output["data"] for output in outputs if PLOTLY in output.get("data", {})]
    for plot, png in zip(plots, pictures([plot[PLOTLY] for plot in plots], chromium), strict=True):
        plot[PNG] = png
    nbformat.write(notebook, path)


def pictures(figures: Sequence[dict[str, Any]], chromium: str) -> list[str]:
    """Plotly figures as PNG, base64."""
    drawn = []
    with tempfile.TemporaryDirectory() as folder, Browser(chromium) as browser:
        Path(folder, "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
        page = Path(folder, "page.html")
        page.write_text(PAGE, encoding="utf-8")
        browser.open(page)
        for figure in figures:
            height = figure["layout"].get("height", HEIGHT)
            size = {"format": "png", "width": WIDTH, "height": height, "scale": SCALE}
            browser.evaluate(DRAW.format(figure=json.dumps(figure), size=json.dumps(size)))
            browser.wait_until("picture")
            drawn.append(browser.evaluate("picture").removeprefix(f"data:{PNG};base64,"))
    return drawn


def main() -> None:
    """Execute the notebooks named on the command line, or all."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("no Chromium or Chrome was found; install one to draw the pictures")
    here = Path(__file__).parent
    for path in [Path(name) for name in sys.argv[1:]] or sorted(here.glob("*.ipynb")):
        execute(path, chromium)
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
