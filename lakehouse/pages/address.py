"""Where things are in the site: addresses that stay, made of names that anyone may have chosen."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

Row = Mapping[str, Any]
_SAFE = re.compile(r"[a-z0-9_-]{1,80}")
_LONGEST = 80  # a file's name may have 255 bytes


def verdict(row: Row) -> str:
    """The page of one verdict. Its id is its own for ever, so the address can be pasted anywhere."""
    own = row["verdict_id"] or f"{row['layer']}-{row['table_name']}-{row['at']:%Y%m%dT%H%M%S%f}"
    return of_verdict(own)


def of_verdict(verdict_id: str) -> str:
    """The page of the verdict that has this id."""
    return f"verdicts/{slug(verdict_id)}.html"


def table(layer: str, name: str, part: int | None = None) -> str:
    """The page of one table, or a numbered part of its history; part 1 is the oldest, so that a full one never changes."""
    return f"tables/{slug(layer)}.{slug(name)}{'' if part is None else f'.{part}'}.html"


def check(name: str, column: str) -> str:
    """The anchor of a check on its table's page."""
    return "check-" + slug(f"{name}-{column}" if column else name)


def slug(name: str) -> str:
    """`name` as part of a file's name: no dot, no slash; one that had to be changed, or is known by its capitals, gets a digest."""
    if _SAFE.fullmatch(name):
        return name
    safe = re.sub(r"[^a-z0-9_-]", "_", name.lower())[:_LONGEST]
    return f"{safe}-{blake2b(name.encode(errors='replace'), digest_size=4).hexdigest()}"
