"""Ledger rows into a page: pure, so that every rule of the page is tested without a lake."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from docs_site import history, record, verdict
from docs_site.page import WORST_FIRST, Card, Freshness, Gate, Instant, Layer, Nav, Page, ReleaseRow, State
from docs_site.words import ago
from lakehouse.pages import address

Row = Mapping[str, Any]

LAYERS = {
    "bronze": "Source tables as they were copied, every batch kept",
    "silver": "Cleaned and merged: the latest state of each thing",
    "gold": "Facts and dimensions, ready for questions",
}


@dataclass(frozen=True)
class Ledger:
    """What the page is made of: ledger rows, oldest first, and what each table weighs."""

    runs: Sequence[Row]
    batches: Sequence[Row]
    verdicts: Sequence[Row]
    releases: Sequence[Row]
    sizes: Mapping[str, Mapping[str, int]]


def page(ledger: Ledger, now: datetime, exists: Callable[[str], bool]) -> Page:
    """The page of `ledger` as of `now`; `exists` says whether a path relative to the site leads to a file."""
    releases = history.releases(ledger.releases, now)
    layers: list[Layer] = []
    for name in LAYERS:
        starved = bool(layers) and (layers[-1].starved or layers[-1].gate.state in ("failed", "errored"))
        layers.append(replace(_layer(name, ledger, releases=releases, now=now, exists=exists), starved=starved))
    runs = history.runs(ledger.runs, now)
    return Page(
        built=Instant(now, "just now"),
        nav=_nav(exists),
        layers=tuple(layers),
        runs=runs,
        releases=releases,
        searchable=exists("search/head.js"),
    )


def _nav(exists: Callable[[str], bool]) -> tuple[Nav, ...]:
    def link(title: str, path: str, command: str) -> Nav:
        return Nav(title, path if exists(path) else "", command)

    verdicts = (Nav("Verdicts", "verdicts/index.html"),) if exists("verdicts/index.html") else ()
    return (
        Nav("Overview", "index.html", current=True),
        *verdicts,
        link("Data quality", "quality/index.html", "make run"),
        link("Models", "dbt/index.html", "make run"),
    )


def _layer(name: str, ledger: Ledger, releases: Iterable[ReleaseRow], now: datetime, exists: Callable[[str], bool]) -> Layer:
    own = [release for release in releases if release.layer == name]
    current = next((release for release in own if release.current), None)
    verdicts = verdict.latest(ledger.verdicts, name, now, exists)
    batches = _by_table(ledger.batches) if name == "bronze" else {}
    earlier = _by_table(row for row in ledger.verdicts if row["layer"] == name)
    sizes = {_short(key): size for key, size in ledger.sizes.items() if key.split(".")[0].split("_")[0] == name}
    cards = []
    for table in {*verdicts, *batches, *sizes, *(current.tables if current else ())}:
        judged = verdicts.get(table)
        card = Card(table, judged.state if judged else "unjudged", verdict=judged)
        if judged:
            card = _with_past(card, earlier[table], exists)
        card = replace(card, rows=sizes.get(table, {}).get("rows"), bytes=sizes.get(table, {}).get("bytes"))
        card = _copied(card, batches.get(table, []), now) if name == "bronze" else _model(card, exists)
        cards.append(_published(card, own, current))
    cards.sort(key=lambda card: (not card.shut, WORST_FIRST.index(card.state), card.name))
    return Layer(name=name, about=LAYERS[name], gate=_gate(cards), cards=tuple(cards), release=current)


def _with_past(card: Card, verdicts: Sequence[Row], exists: Callable[[str], bool]) -> Card:
    path = address.table(verdicts[-1]["layer"], verdicts[-1]["table_name"])
    return replace(card, history_href=path if exists(path) else "", strip=record.strip(verdicts))


def _short(name: str) -> str:
    """`bronze.shop__orders` → `shop__orders`."""
    return name.split(".", 1)[-1]


def _by_table(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(_short(row["table_name"]), []).append(row)
    return found


def _copied(card: Card, own: Sequence[Row], now: datetime) -> Card:
    """`card` with its last batch, or with why the last copy broke off."""
    done = [row for row in own if row["status"] != "failed"]
    if own and own[-1]["status"] == "failed":
        card = replace(card, copy_error=own[-1]["error"] or "the ledger has no reason")
    if not done:
        return card
    # An empty batch also proves freshness: the source was read and had nothing new.
    fresh = Freshness("copied", Instant(done[-1]["at"], ago(done[-1]["at"], now)))
    versions = [row["delta_version"] for row in done if row["delta_version"] is not None]
    return replace(card, fresh=fresh, batch_id=done[-1]["batch_id"], version=versions[-1] if versions else None)


def _model(card: Card, exists: Callable[[str], bool]) -> Card:
    built = exists("dbt/index.html")
    return replace(card, model_href=f"dbt/index.html#!/model/model.comporta.{card.name}" if built else "")


def _published(card: Card, releases: list[ReleaseRow], current: ReleaseRow | None) -> Card:
    """`card` with the version that readers see and since when the data of that version exists."""
    if current is None or card.name not in current.tables:
        return card
    version = current.tables[card.name]
    # A rollback publishes old data again: its age is that of the first release that held this version.
    same = [release for release in releases if release.tables.get(card.name) == version and release.status == "published"]
    first = min(same, key=lambda release: release.at.at)
    return replace(card, release_id=current.release_id, version=version, fresh=Freshness("published", first.at))


def _gate(cards: list[Card]) -> Gate:
    """The gate of a layer, as bad as the worst latest verdict of its tables."""
    judged = [card.verdict for card in cards if card.verdict]
    if not judged:
        return Gate("unjudged", "never judged")
    worst: State = min((verdict.state for verdict in judged), key=WORST_FIRST.index)
    count = sum(verdict.state == worst for verdict in judged)
    words = f"{count} of {len(judged)} {worst}" if worst != "passed" else f"all {len(judged)} passed"
    return Gate(worst, words, max((verdict.at for verdict in judged), key=lambda moment: moment.at))
