"""From raw rounds to numbers and a page. Pure: `page(found)` is text."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from bench.ingest.report import Result, median, number, ratio

OURS, DUCKDB, PLAIN = "Comporta", "dbt-duckdb", "Spark SQL without dbt"
PARTS = ("start", "staging", "star", "queries", "end")
_SAID = {"start": "until the first model begins", "end": "after the last one has ended"}


def section(model: str) -> str:
    """The folder of a model, by its name."""
    return "staging" if model.startswith("stg_") else "queries" if model.startswith("q") else "star"


def parts(took: Result) -> dict[str, float]:
    """Wall seconds of a build by section; they add up to all of it.

    A section lasts until its last model is done, so a query that begins while another table of the star is still built counts there.
    """
    at = min(begun for begun, _ in took["models"].values())
    found = {"start": at}
    for name in PARTS[1:-1]:
        ended = max([at, *(end for model, (_, end) in took["models"].items() if section(model) == name)])
        found[name], at = ended - at, ended
    return found | {"end": took["seconds"] - at}


def page(found: Result) -> str:
    """The page in Markdown."""
    said = [", ".join(f"{name} {value}" for name, value in found[what].items()) for what in ("machine", "versions")]
    template = Template(Path(__file__).with_name("page.md").read_text())
    return template.substitute(
        date=found["at"],
        scale=f"{found['scale']:g}",
        rounds=len(found["rounds"]),
        machine=said[0],
        versions=said[1],
        threads=found["threads"],
        memory=found["memory"],
        rows=number(sum(found["source"].values())),
        totals=_totals(found),
        verdict=_verdict(found),
        parts=_parts(found),
        models=_models(found),
        empty=_empty(found["empty"]),
    )


def _middle(found: Result, name: str, what: str) -> float:
    return median(parts(one[name])[what] for one in found["rounds"])


def _overhead(found: Result) -> float:
    return median(one[OURS]["seconds"] - one[PLAIN]["seconds"] for one in found["rounds"])


def _totals(found: Result) -> str:
    rows = []
    for name in (OURS, PLAIN, DUCKDB):
        seconds = [one[name]["seconds"] for one in found["rounds"]]
        spread = f"{min(seconds):.1f}–{max(seconds):.1f}"
        rows.append(
            [name, f"{median(seconds):.1f}", spread, f"{ratio(found, name, OURS):.2f} ×", f"{found['first'][name]['seconds']:.1f}"]
        )
    return _table(["", "seconds", "fewest–most", "of Comporta's", "the first time"], rows)


def _parts(found: Result) -> str:
    rows = [[_SAID.get(what, what), *(f"{_middle(found, name, what):.1f}" for name in (OURS, PLAIN, DUCKDB))] for what in PARTS]
    return _table(["", OURS, PLAIN, DUCKDB], rows)


def _models(found: Result) -> str:
    def seconds(name: str, model: str) -> float:
        return median(one[name]["models"][model][1] - one[name]["models"][model][0] for one in found["rounds"])

    names = sorted(found["rounds"][0][OURS]["models"], key=lambda model: (PARTS.index(section(model)), model))
    return _table(
        ["", OURS, PLAIN, DUCKDB], [[model, *(f"{seconds(name, model):.2f}" for name in (OURS, PLAIN, DUCKDB))] for model in names]
    )


def _verdict(found: Result) -> str:
    to_duckdb, more = 1 / ratio(found, DUCKDB, OURS), _overhead(found)
    around = _middle(found, OURS, "start") + _middle(found, OURS, "end")
    compared = f"**{to_duckdb:.1f} times** as long as" if to_duckdb >= 1 else f"**{to_duckdb:.2f}** of the time of"
    return (
        f"- A rebuild of everything takes Comporta {compared} dbt-duckdb on the same models.\n"
        f"- It takes **{1 / ratio(found, PLAIN, OURS):.2f} times** as long as the same statements sent to the same server without dbt: "
        f"dbt, with our adapter, adds **{more:.1f} s**, of which {around:.1f} s pass before its first model and after its last one.\n"
        f"- `dbt run` once more, with nothing changed, ends after **{median(found['again']):.1f} s** and has built nothing."
    )


def _empty(names: Sequence[str]) -> str:
    return f" At this scale these queries have no answer: {', '.join(names)}." if names else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)
