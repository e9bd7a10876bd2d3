"""From raw rounds to numbers and a page. Pure: `page(results)` is text."""

import math
from collections import Counter
from pathlib import Path
from string import Template
from typing import Any

from bench.ingest.report import Line, lines, median, number, ratio, table

Result = dict[str, Any]
OURS, DUCKDB, TOLD, WHOLE = (
    "Comporta",
    "DuckDB + delta-rs",
    "DuckDB + delta-rs, types told",
    "DuckDB + delta-rs, whole documents",
)
TARGET = 0.9
HEAD = ["", "seconds", "spread", "MB/s", "× DuckDB's speed", "CPU s", "peak MB", "of it before", "Delta MB", "rows", "values"]
_SAID = {"csv": "CSV", "csv.gz": "CSV, gzipped", "jsonl": "Documents, one a line"}


def rows(race: Result) -> list[list[str]]:
    """The contenders' cells under HEAD, fastest first."""
    return [_row(race, line) for line in lines(race)]


def _row(race: Result, line: Line) -> list[str]:
    if math.isnan(line.seconds):
        return [line.name, "failed", *["–"] * (len(HEAD) - 2)]
    once = ", once" if line.name in race["slow"] else ""
    spread = f"{number(line.low, 2)}–{number(line.high, 2)}"
    sizes = [number(one, 1 if one < 100 else 0) for one in (line.cpu, line.peak_mb, line.base_mb, line.bytes / 1e6)]
    speeds = [number(race["source"]["bytes"] / 1e6 / line.seconds, 1), number(ratio(race, DUCKDB, line.name), 2)]
    return [line.name + once, number(line.seconds, 2), spread, *speeds, *sizes, *_values(race, line.name)]


def _values(race: Result, name: str) -> list[str]:
    """Rows, and whether the values are those that were generated; the worst of the rounds."""
    good = [found[name] for found in race["rounds"] if "rows" in found.get(name, {})]
    wanted = race["source"]["rows"]
    counts = sorted({one["rows"] for one in good})
    said = " or ".join(number(one) for one in counts)
    if counts != [wanted]:
        return [f"**{said}** of {number(wanted)}", "**rows lost or added**"]
    changed = list(dict.fromkeys(column for one in good for column in one["changed"]))
    return [said, f"**changed: {', '.join(changed)}**" if changed else "equal"]


def verdicts(race: Result) -> list[str]:
    """Our speed beside DuckDB + delta-rs, in each of its ways."""
    found = []
    for name in (DUCKDB, TOLD, WHOLE):
        speed = ratio(race, name, OURS)
        if not math.isnan(speed):
            met = "met" if speed >= TARGET else "missed"
            found.append(f"Comporta has {number(speed, 2)} of the speed of {name} (target ≥ {TARGET}: {met}).")
    return found


def page(results: Result) -> str:
    """The page in Markdown."""
    sections = [_race(form, race) for form, race in results.get("race", {}).items()]
    sections += [_memory(results["memory"])] if "memory" in results else []
    template = Template(Path(__file__).with_name("page.md").read_text(encoding="utf-8"))
    about = {name: _pairs(results.get(name, {})) for name in ("machine", "versions")}
    return template.substitute(**about, sections="\n\n".join(sections))


def _pairs(values: Result) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in values.items())])


def _race(form: str, race: Result) -> str:
    source = race["source"]
    said = f"{race['at']}: {number(source['rows'])} rows in {number(source['bytes'] / 1e6)} MB, {len(race['rounds'])} rounds."
    parts = [f"## {_SAID[form]}", said, table(HEAD, rows(race)), _bullets([*verdicts(race), *_failures(race)])]
    return "\n\n".join(filter(None, [*parts, _types(race) if form == "csv" else ""]))


def _bullets(said: list[str]) -> str:
    return "\n".join(f"- {each}" for each in said)


def _failures(race: Result) -> list[str]:
    found = []
    for line in lines(race):
        for error, count in Counter(line.failures).items():
            found.append(f"**{line.name}** failed in {count} of {len(race['rounds'])} rounds: {error}")
    return found


def _types(race: Result) -> str:
    """The types that each tool chose, column by column."""
    told = {line.name: _first(race, line.name).get("types", {}) for line in lines(race) if not math.isnan(line.seconds)}
    columns = list(next(iter(told.values()), {}))
    body = [[name, *(types.get(column, "–") for column in columns)] for name, types in told.items()]
    return "Types that each chose, or was told:\n\n" + table(["", *columns], body)


def _first(race: Result, name: str) -> Result:
    return next((found[name] for found in race["rounds"] if "types" in found.get(name, {})), {})


def _memory(section: Result) -> str:
    body = []
    for form, sizes in section["data"].items():
        for wanted, rounds in sizes.items():
            good = [one for one in rounds if "error" not in one]
            failed = next((one["error"] for one in rounds if "error" in one), "")
            cells = [median(one[field] for one in good) for field in ("seconds", "peak_mb", "base_mb")]
            figures = [number(cells[0], 2), number(cells[1]), number(cells[1] - cells[2])]
            body.append([_SAID[form], number(int(wanted)), *figures, failed])
    head = ["", "rows", "seconds", "peak MB", "over what was held before", ""]
    return f"## Memory\n\n{section['at']}. Comporta's process and its children, as the files grow.\n\n{table(head, body)}"
