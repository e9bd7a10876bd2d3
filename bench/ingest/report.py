"""From raw rounds to numbers and a page. Pure: `page(results)` is text."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

Result = dict[str, Any]
LIMIT, OURS = "limit, all cores", "Comporta"


@dataclass(frozen=True)
class Line:
    """What a contender came to on one table; medians over the rounds in which it succeeded."""

    name: str
    seconds: float
    low: float
    high: float
    rate: float
    cpu: float
    source_cpu: float
    peak_mb: float
    base_mb: float
    to_limit: float
    to_ours: float
    bytes: float
    failures: tuple[str, ...]


def lines(race: Result) -> list[Line]:
    """One line per contender, fastest first, those that never succeeded last."""
    names = list(dict.fromkeys(name for found in race["rounds"] for name in found))
    return sorted((_line(race, name) for name in names), key=lambda line: (math.isnan(line.seconds), line.seconds))


def _line(race: Result, name: str) -> Line:
    seen = [found[name] for found in race["rounds"] if name in found]
    good = [one for one in seen if "error" not in one]

    def middle(field: str) -> float:
        return median(one[field] for one in good if one.get(field) is not None)

    seconds = [one["seconds"] for one in good] or [math.nan]
    return Line(
        name,
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        median(one["rows"] / one["seconds"] for one in good if "rows" in one),
        middle("cpu"),
        middle("source_cpu"),
        middle("peak_mb"),
        middle("base_mb"),
        ratio(race, name, LIMIT),
        ratio(race, name, OURS),
        middle("bytes"),
        tuple(one["error"] for one in seen if "error" in one),
    )


def ratio(race: Result, name: str, other: str) -> float:
    """Median over the rounds of seconds of `name` over those of `other` in the same round."""
    pairs = [(found.get(name, {}), found.get(other, {})) for found in race["rounds"]]
    return median(mine["seconds"] / theirs["seconds"] for mine, theirs in pairs if "seconds" in mine and "seconds" in theirs)


def median(values: Iterable[float]) -> float:
    """The median; NaN of nothing."""
    found = list(values)
    return statistics.median(found) if found else math.nan


def number(value: float, digits: int = 0) -> str:
    """`value` with thin groups of three; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:,.{digits}f}".replace(",", " ")


def page(results: Result) -> str:
    """The page in Markdown."""
    sections = [_race(name, race) for name, race in results.get("race", {}).items()]
    sections += [show(results[name]) for name, show in _OTHERS.items() if name in results]
    template = Template(Path(__file__).with_name("page.md").read_text())
    return template.substitute(
        machine=_pairs(results.get("machine", {})), versions=_pairs(results.get("versions", {})), sections="\n\n".join(sections)
    )


def _pairs(values: Result) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in values.items())])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all columns but the first to the right."""
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1), *body])


RACE_HEAD = [
    "",
    "seconds",
    "spread",
    "rows/s",
    "× limit",
    "× Comporta",
    "CPU s",
    "source CPU s",
    "peak MB",
    "of it before",
    "Delta MB",
]


def race_row(line: Line) -> list[str]:
    """A contender's cells under RACE_HEAD."""
    if math.isnan(line.seconds):
        return [line.name, "failed", *["–"] * (len(RACE_HEAD) - 2)]
    spread = f"{number(line.low, 2)}–{number(line.high, 2)}"
    counts = [line.cpu, line.source_cpu, line.peak_mb, line.base_mb, line.bytes / 1e6]
    ratios = [number(line.to_limit, 2), number(line.to_ours, 2)]
    return [
        line.name,
        number(line.seconds, 2),
        spread,
        number(line.rate),
        *ratios,
        *(number(one, 1 if one < 100 else 0) for one in counts),
    ]


def _race(name: str, race: Result) -> str:
    facts, found = race["source"], lines(race)
    head = f"## {name}: {number(facts['rows'])} rows, {number(facts['bytes'] / 1e6)} MB\n\n{_when(race)}, {len(race['rounds'])} rounds."
    failed = [
        f"- **{line.name}** failed in {len(line.failures)} of {len(race['rounds'])} rounds: {line.failures[0]}"
        for line in found
        if line.failures
    ]
    return "\n\n".join([head, table(RACE_HEAD, [race_row(line) for line in found]), *(["\n".join(failed)] if failed else [])])


def _when(section: Result) -> str:
    return f"Measured {section['at']} at SCALE={section['scale']:g}"


def _good(rounds: list[Result]) -> tuple[list[Result], str]:
    bad = [one["error"] for one in rounds if "error" in one]
    return [one for one in rounds if "error" not in one], f"failed {len(bad)}×: {bad[0]}" if bad else ""


def _memory(section: Result) -> str:
    rows = []
    for name, rounds in section["data"].items():
        good, failed = _good(rounds)
        over = median(one["peak_mb"] - one["base_mb"] for one in good)
        cells = [median(one[field] for one in good) for field in ("rows", "seconds", "peak_mb")]
        rows.append([name, number(cells[0]), number(cells[1], 1), number(cells[2]), number(over), failed])
    head = ["table", "rows", "seconds", "peak MB", "over what was held before", ""]
    return f"## Memory\n\n{_when(section)}. Comporta's job and the whole Spark server.\n\n{table(head, rows)}"


def _recording(section: Result) -> str:
    rounds = section["data"]["rounds"]
    failed = [one["error"] for pair in rounds for one in pair.values() if "error" in one]
    good = [(pair["comporta"], pair["unrecorded"]) for pair in rounds if not any("error" in one for one in pair.values())]
    rows = []
    for what, field in (("seconds", "seconds"), ("CPU s", "cpu")):
        more = median(100 * (with_[field] / without[field] - 1) for with_, without in good)
        columns = (median(pair[number_][field] for pair in good) for number_ in (0, 1))
        rows.append([what, *(number(one, 2) for one in columns), f"{number(more, 1)} %", failed[0] if failed else ""])
    said = "With and without the checksum that is read back from each file and the ledger's entries, in turn."
    head = ["", "as it is", "without recording", "recording costs", ""]
    return f"## Recording\n\n{_when(section)}, {len(rounds)} rounds. {said}\n\n{table(head, rows)}"


def _increments(section: Result) -> str:
    rows = []
    for name, found in section["data"].items():
        good, failed = _good(found["rounds"])
        cells = [median(one[field] for one in good) for field in ("moved", "seconds", "cpu", "source_cpu")]
        first = found["first"].get("seconds", math.nan)
        rows.append(
            [
                name,
                number(found["rows"]),
                number(found["changed"]),
                number(cells[0]),
                number(first, 1),
                *(number(one, 2) for one in cells[1:]),
                failed,
            ]
        )
    head = ["table", "rows", "changed", "moved", "first copy, s", "seconds", "CPU s", "source CPU s", ""]
    said = "Changed rows are spread over the whole table and found by an indexed `updated_at`; `deletes: none`."
    return f"## Increments\n\n{_when(section)}. {said}\n\n{table(head, rows)}"


def _unchanged(section: Result) -> str:
    good, failed = _good(section["data"]["rounds"])
    cells = [number(median(one[field] for one in good), 2) for field in ("seconds", "cpu", "source_cpu")]
    head = ["tables", "seconds", "CPU s", "source CPU s", ""]
    return f"## Nothing changed\n\n{_when(section)}.\n\n{table(head, [[str(section['data']['tables']), *cells, failed]])}"


def _skew(section: Result) -> str:
    good, failed = _good(section["data"]["rounds"])
    slowest = median(max(one["ranges"]) / statistics.median(one["ranges"]) for one in good if one["ranges"])
    keys = section["data"]["key_ranges"]
    uneven = max(keys) / statistics.median(keys) if keys and statistics.median(keys) else math.inf
    rows = [
        ["seconds of Comporta's slowest range over the median one", number(slowest, 2), failed],
        [f"rows of the fullest of {len(keys)} equal ranges of the key over the median one", number(uneven, 1), ""],
    ]
    return f"## Skew\n\n{_when(section)}, {len(keys)} ranges.\n\n{table(['', 'ratio', ''], rows)}"


_OTHERS: dict[str, Callable[[Result], str]] = {
    "recording": _recording,
    "memory": _memory,
    "increments": _increments,
    "unchanged": _unchanged,
    "skew": _skew,
}
