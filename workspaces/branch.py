"""What a branch changes: the tables that a person has built beside the ones that readers see, and what the gate says of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable
from jinja2 import Environment, FileSystemLoader, select_autoescape

from expectations.names import key_of
from expectations.verdict import Verdict
from inspection.diff import STAMPS, Example, TableDifference, of_tables
from inspection.reader import Reader
from lakehouse import console, dbt, values
from lakehouse.console import shown
from lakehouse.errors import AbsentError, ReleaseError
from lakehouse.pages.policy import QUALITY
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import candidate, commits, lake, released
from workspaces.dev import LAYERS, OWN, DevSchemas, cloned_from

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class ModelChange:
    """A model that the person has built."""

    layer: str
    model: str
    path: str  # of its file, in dbt_project
    difference: TableDifference
    contract: tuple[str, ...]  # what of its contract is another, as sentences
    verdict: Verdict | None  # None: it has no suite
    part: str = ""  # what made it hold a part of the rows: `DEV_SAMPLE=1`

    @property
    def name(self) -> str:
        """`gold.dim_customers`."""
        return f"{self.layer}.{self.model}"

    @property
    def is_same(self) -> bool:
        """Whether readers would see nothing else."""
        return self.difference.state == "same" and not self.difference.restamped and not self.contract and not self.part

    @property
    def columns(self) -> dict[str, int]:
        """Rows in which each column has another value, those left out that only say how a row came."""
        return {name: count for name, count in self.difference.changed_columns.items() if name not in STAMPS}


def compare(
    settings: Settings, spark: "SparkSession", reader: Reader, own: DevSchemas, examples: int, show: bool
) -> list[ModelChange]:
    """Every model that `own` has built, against what readers see, by layer and name.

    Args:
        examples: so many of each kind of difference.
        show: with values, which may be personal.
    Raises:
        AbsentError: they have built nothing.
    """
    target = own.folder(settings) / "target"
    mine, known = dbt.manifest(settings, target), dbt.manifest(settings)
    found = []
    for layer in LAYERS:
        models, before = dbt.models(mine, layer), dbt.models(known, layer)
        for name, node in sorted(models.items()):
            if node["config"]["materialized"] in ("view", "ephemeral") or cloned_from(settings, own, layer, name) != OWN:
                continue
            table = lake.at(settings, candidate.place(settings, own.of(layer), name))
            key = dbt.unique_key(node) or key_of(settings, layer, name)
            difference = _difference(settings, reader, after=table, layer=layer, name=name, key=key, examples=examples, show=show)
            contract = tuple(_contract_changes(before.get(name), node))
            verdict = _judged(settings, spark, own=own, layer=layer, name=name, target=target)
            part = _part(settings, table)
            found.append(
                ModelChange(
                    layer=layer,
                    model=name,
                    path=node["original_file_path"],
                    difference=difference,
                    contract=contract,
                    verdict=verdict,
                    part=part,
                )
            )
    if not found:
        raise AbsentError(own.schema, "holds nothing that you have built", "models of your branch", "Run make dev, then dbt run")
    return found


def _part(settings: Settings, table: DeltaTable) -> str:
    """What made the table hold a part of the rows, by the note of dbt's adapter in the commit that wrote them."""
    written = next((each for each in commits.newest_first(settings, table) if each.get("operation") not in commits.QUIET), {})
    return str(commits.read_note(written.get("userMetadata")).get("part", ""))


def _difference(
    settings: Settings, reader: Reader, after: DeltaTable, layer: str, name: str, key: tuple[str, ...], examples: int, show: bool
) -> TableDifference:
    shown = released.published(settings, layer).get(name)
    if shown is None:
        size = candidate.size_of(after)
        return TableDifference(name, "new", after=after.version(), added=size.rows)
    try:
        before = reader.open(f"{layer}.{name}", candidate.location(settings, layer, name), shown)
        return of_tables(reader, settings, table=name, before=before, after=after, key=key, rows=examples, show=show)
    except ReleaseError as error:
        return TableDifference(name, "unreadable", shown, after.version(), note=str(error))


def _contract_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterable[str]:
    was, now = (_contract(node) for node in (before, after))
    for name in {**was, **now}:
        if name not in was:
            yield f"promises {name} {now[name]} as well" if was else f"promises {name} {now[name]}"
        elif name not in now:
            yield f"no longer promises {name} {was[name]}"
        elif was[name] != now[name]:
            yield f"promises {name} as {now[name]} instead of {was[name]}"


def _contract(node: Mapping[str, Any] | None) -> dict[str, str]:
    if node is None or not node["config"].get("contract", {}).get("enforced"):
        return {}
    return {name: str(column["data_type"]) for name, column in node["columns"].items()}


def _judged(settings: Settings, spark: "SparkSession", own: DevSchemas, layer: str, name: str, target: Path) -> Verdict | None:
    from expectations.gate import preview  # Great Expectations takes seconds to import

    return preview(settings, spark, layer=layer, table=name, location=candidate.place(settings, own.of(layer), name), target=target)


def report(found: list[ModelChange], own: DevSchemas, template: str) -> str:
    """The comparison as text: `branch.md` for a pull request, `branch.html` as a page that needs nothing else."""
    folder = Path(__file__).with_name("templates")
    made = Environment(
        loader=FileSystemLoader(folder), autoescape=select_autoescape(["html.j2"]), trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"number": console.count, "prose": _prose, "code": _code, "values": _values}
    style = (ROOT / "docs_site" / "assets" / "site.css").read_text(encoding="utf-8")
    changed = [one for one in found if not one.is_same]
    same = [one for one in found if one.is_same]
    return made.get_template(f"{template}.j2").render(changed=changed, same=same, own=own, style=style, policy=QUALITY)


def _prose(text: object) -> str:
    """`text` in Markdown, where nothing of it is a link, an image, a mention, HTML or the end of a cell."""
    plain = escape(" ".join(shown(str(text)).splitlines()), quote=False).replace("@", "&#64;")
    return re.sub(r"([\\`*\[\]|~])", r"\\\1", plain)


def _code(text: object) -> str:
    """`text` between backticks of Markdown."""
    return " ".join(shown(str(text)).splitlines()).replace("`", "'")


def _values(example: Example) -> str:
    """`country_code: ES → PT`, or only the columns where values were not asked for."""
    names = [name for name in example.columns if name not in STAMPS]
    if not example.values:
        return ", ".join(names)
    return ", ".join(f"{name}: {_short(example.values[name][0])} → {_short(example.values[name][1])}" for name in names)


def _short(value: object) -> str:
    text = "null" if value is None else values.text(value)
    return text if len(text) <= 60 else text[:57] + "…"
