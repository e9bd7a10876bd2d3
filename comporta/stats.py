"""The closing table of a run: rows and bytes, verdicts, release and seconds, layer by layer."""

import json
from typing import Any

from rich.text import Text

from lakehouse import atomic, console
from lakehouse.engines.catalog import CANDIDATE, LAYERS
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger, released


def write(settings: Settings) -> None:
    """Note the tables' sizes where the site finds them."""
    atomic.write(settings.var_dir / "state" / "tables.json", json.dumps(_sizes(settings), indent=1, sort_keys=True))


def _sizes(settings: Settings) -> dict[str, dict[str, int]]:
    """Rows and bytes of every table of the last releases, by `schema.table`."""
    found: dict[str, dict[str, int]] = {}
    for layer, schema in CANDIDATE.items():
        for table, version in released.published(settings, layer).items():
            if size := candidate.measure(settings, layer, table, version):
                found[f"{schema}.{table}"] = {"rows": size.rows, "bytes": size.size}
    return found


def show(settings: Settings, seconds: dict[str, float], total: float) -> None:
    """Print the table."""
    sizes = json.loads((settings.var_dir / "state" / "tables.json").read_bytes())
    rows = [_row(settings, layer, sizes, seconds) for layer in LAYERS]
    console.out.print()
    console.table(
        "",
        ("layer", "tables", "rows", "bytes", "verdicts", "release", "seconds"),
        rows,
        numbers=("tables", "rows", "bytes", "seconds"),
    )
    others = ", ".join(
        f"{name} {spent:.1f} s" for name, spent in seconds.items() if name.split()[-1] not in LAYERS and name != "ingest"
    )
    console.out.print(f"Also: {others}. Altogether {total:.1f} s.")


def _row(settings: Settings, layer: str, sizes: dict[str, dict[str, int]], seconds: dict[str, float]) -> tuple[Any, ...]:
    mine = [size for name, size in sizes.items() if name.startswith(f"{CANDIDATE[layer]}.")]
    made = released.current(settings, layer)
    spent = sum(value for name, value in seconds.items() if name.split()[-1] == layer or (name == "ingest" and layer == "bronze"))
    return (
        layer,
        len(mine),
        console.count(sum(size["rows"] for size in mine)),
        console.size(sum(size["bytes"] for size in mine)),
        _verdicts(settings, layer),
        made.release_id if made else "–",
        f"{spent:.1f}",
    )


def _verdicts(settings: Settings, layer: str) -> Text:
    words = [
        row["verdict"] for (name, _), row in ledger.latest(settings, "verdicts", "layer", "table_name").items() if name == layer
    ]
    counted = [f"{words.count(word)} {word}" for word in ("passed", "failed", "errored") if word in words]
    return Text(", ".join(counted) or "–", style="green" if set(words) == {"passed"} else "red")
