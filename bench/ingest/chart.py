"""Draw ingest.svg from ingest.json: rows per second as bars, readable on light and dark. Runs in `.venv-bench`.

`python -m bench.ingest.chart ingest.json ingest.svg`
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from bench.ingest.report import LIMIT, OURS, Line, lines

INK = "#1f2328"  # becomes the colour of the reader's theme
STYLE = "<style>svg { color: #1f2328 } @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }</style>"
BARS = {"limit": "#8b949e", "ours": "#1f9d78", "other": "#5b8def"}


def main() -> None:
    """Draw."""
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(sys.argv[2])
    draw(results["race"], out)
    if out.suffix == ".svg":
        text = out.read_text(encoding="utf-8").replace(INK, "currentColor")
        out.write_text(
            "\n".join(line.rstrip() for line in text.replace("<defs>", f"{STYLE}<defs>", 1).splitlines()) + "\n", encoding="utf-8"
        )


def draw(races: dict[str, Any], out: Path) -> None:
    """One panel a table, two in a row."""
    plt.rcParams.update(
        {"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "svg.hashsalt": "comporta"}
    )
    columns = min(2, len(races))
    depth = math.ceil(len(races) / columns)
    figure, panels = plt.subplots(depth, columns, figsize=(6.2 * columns, 3.4 * depth), squeeze=False)
    for panel in panels.flat[len(races) :]:
        panel.remove()
    for panel, (name, race) in zip(panels.flat, races.items(), strict=False):
        _panel(panel, name, race)
    figure.tight_layout(w_pad=3, h_pad=2)
    figure.savefig(
        out, transparent=True, **({"metadata": {"Date": None}} if out.suffix == ".svg" else {"facecolor": "white", "dpi": 90})
    )


def _panel(panel: Any, name: str, race: dict[str, Any]) -> None:
    found = lines(race)[::-1]
    # A failed contender keeps its place, with no bar.
    rates = [0 if math.isnan(line.rate) else line.rate for line in found]
    bars = panel.barh([line.name for line in found], rates, color=[BARS[_kind(line)] for line in found], height=0.68)
    panel.bar_label(bars, labels=[_label(line) for line in found], padding=4, fontsize=9, color=INK)
    panel.set_title(f"{name}: {race['source']['rows']:,} rows".replace(",", " "), loc="left", fontsize=11, fontweight="bold")
    panel.set_xlim(0, max(rates) * 1.18 or 1)
    panel.xaxis.set_visible(False)
    panel.tick_params(axis="y", length=0, labelsize=9.5)
    panel.spines[:].set_visible(False)


def _kind(line: Line) -> str:
    return "limit" if line.name in (LIMIT, "limit, 1 connection") else "ours" if line.name == OURS else "other"


def _label(line: Line) -> str:
    if math.isnan(line.rate):
        return "failed"
    return f"{line.rate / 1e6:.2f} M rows/s" if line.rate >= 1e5 else f"{line.rate / 1e3:.1f} k rows/s"


if __name__ == "__main__":
    main()
