"""From raw rounds to the page. Pure."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

Result = dict[str, Any]


def page(results: Result) -> str:
    """The page in Markdown."""
    template = Template(Path(__file__).with_name("page.md").read_text())
    builds = results["builds"]
    names = {"build": "build", "cpu": "CPU of it", "read": "reading the ledger", "imports": "imports"}
    building = _table(
        ["", "s", "fastest", "slowest"], [[said, *_spread(one[name] for one in builds)] for name, said in names.items()]
    )
    opening = _table(["", "s", "fastest", "slowest"], [[name, *_spread(found)] for name, found in results["opened"].items()])
    machine = "\n".join(f"- {name}: {value}" for name, value in (results["machine"] | results["versions"]).items())
    return template.substitute(
        verdicts=f"{results['verdicts']:,}".replace(",", " "),
        tables=results["tables"],
        rounds=results["rounds"],
        building=building,
        opening=opening,
        machine=machine,
        first=f"{results['first']:.0f}",
        files=results["files"],
        chromium=results["chromium"],
        load=f"Measured {results['at']}. {_busy(results['load'])}",
    )


def _busy(load: list[float]) -> str:
    before, after = load
    said = f"Load average of the machine's last minute: {before:.1f} before, {after:.1f} after."
    return said + (" **Others were using it: the times are too long.**" if max(load) > 2 else "")


def _spread(values: Iterable[float]) -> list[str]:
    found = list(values)
    return [f"{each:.2f}" for each in (statistics.median(found), min(found), max(found))]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return "\n".join(lines)
