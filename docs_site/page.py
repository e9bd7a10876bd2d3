"""What the status page shows, as plain values: no ledger, no HTML, no clock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# What the last judgement of a table, or of a layer, was; "warned" is passed with failed warnings.
State = Literal["passed", "warned", "failed", "errored", "unjudged"]
WORST_FIRST: tuple[State, ...] = ("failed", "errored", "warned", "unjudged", "passed")
SHUT: frozenset[State] = frozenset({"failed", "errored"})


@dataclass(frozen=True)
class Instant:
    """A time and how it is spoken: `5 minutes ago`."""

    at: datetime
    spoken: str


@dataclass(frozen=True)
class Strip:
    """The last verdicts of a table as a row of marks, oldest first."""

    states: tuple[State, ...]

    @property
    def words(self) -> str:
        """`last 30 verdicts: 28 passed, 1 warned, 1 failed`."""
        order = ("passed", "warned", "failed", "errored")
        counts = [f"{self.states.count(state)} {state}" for state in order if state in self.states]
        return f"last {len(self.states)} verdict{'s' * (len(self.states) != 1)}: {', '.join(counts)}"


@dataclass(frozen=True)
class Failure:
    """One failed check of a verdict, each value as text."""

    check: str
    column: str
    severity: str
    observed: str
    unexpected_count: int | None
    sample: tuple[str, ...]
    # The sample as a table, where each of it is a row of the same columns.
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    # What else is to be said of it: owner, where, why, error; those that are there.
    notes: tuple[tuple[str, str], ...] = ()
    quarantined: bool = False

    @property
    def named(self) -> str:
        """`expect_column_values_to_be_unique(email)`."""
        return f"{self.check}({self.column})" if self.column else self.check


@dataclass(frozen=True)
class VerdictSummary:
    """The latest judgement of a table; `href` is empty where its page does not exist."""

    state: State
    declared: int
    ran: int
    version: int | None
    at: Instant
    href: str
    failures: tuple[Failure, ...]
    # The verdict's own page; empty where the site has none.
    path: str = ""


@dataclass(frozen=True)
class Freshness:
    """When a table's data last moved: `copied` into bronze, `published` to readers."""

    verb: str
    at: Instant


@dataclass(frozen=True)
class Card:
    """One table of a layer."""

    name: str
    state: State
    rows: int | None = None
    bytes: int | None = None
    fresh: Freshness | None = None
    verdict: VerdictSummary | None = None
    batch_id: int | None = None
    release_id: int | None = None
    version: int | None = None
    copy_error: str = ""
    model_href: str = ""
    history_href: str = ""
    strip: Strip | None = None

    @property
    def shut(self) -> bool:
        """Whether the table is stopped: its gate is closed or its last copy broke off."""
        return self.state in SHUT or bool(self.copy_error)


@dataclass(frozen=True)
class ReleaseRow:
    """One release of a layer; `restores` is the earlier release that a rollback went back to."""

    release_id: int
    layer: str
    kind: str
    status: str
    tables: dict[str, int]
    note: str
    at: Instant
    current: bool = False
    restores: int | None = None


@dataclass(frozen=True)
class Gate:
    """The gate below a layer: worst of its tables' latest verdicts."""

    state: State
    words: str
    at: Instant | None = None

    @property
    def position(self) -> str:
        """How the gate leaf stands: `open`, or `closed` also when nothing was ever judged."""
        return "open" if self.state in ("passed", "warned") else "closed"


@dataclass(frozen=True)
class Layer:
    """A reach of the river: its tables, the release readers see, the gate at its end."""

    name: str
    about: str
    gate: Gate
    cards: tuple[Card, ...]
    release: ReleaseRow | None = None
    # Something upstream is shut, so nothing new flows in.
    starved: bool = False


@dataclass(frozen=True)
class RunRow:
    """One run of a command: running, succeeded, failed, or broken off without a last word."""

    run_id: int
    command: str
    status: str
    rows: int | None
    seconds: float | None
    detail: str
    started: Instant


@dataclass(frozen=True)
class Nav:
    """A link of the top bar; `href` is empty where the page is not built yet and `command` makes it."""

    title: str
    href: str
    command: str = ""
    current: bool = False


@dataclass(frozen=True)
class Page:
    """The whole page."""

    built: Instant
    nav: tuple[Nav, ...]
    layers: tuple[Layer, ...]
    runs: tuple[RunRow, ...] = ()
    releases: tuple[ReleaseRow, ...] = ()
    # Whether there is something to search.
    searchable: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing has ever happened in this lake."""
        return not (self.runs or self.releases or any(layer.cards for layer in self.layers))

    @property
    def last_run(self) -> RunRow | None:
        """The run that started last."""
        return self.runs[0] if self.runs else None

    @property
    def flowing(self) -> bool:
        """Whether at least one gate was asked and none is shut."""
        states = {layer.gate.state for layer in self.layers}
        return bool(states & {"passed", "warned"}) and not states & SHUT

    @property
    def shut(self) -> tuple[tuple[Layer, Card], ...]:
        """Every stopped table with its layer."""
        return tuple((layer, card) for layer in self.layers for card in layer.cards if card.shut)
