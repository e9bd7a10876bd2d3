"""What the lakehouse's gold tables must equal, counted over an export's file by plain Python."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

NO_SCORE = "no score"


def read(path: Path) -> list[dict[str, Any]]:
    """The documents of an export."""
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


def current(exports: Iterable[Path]) -> list[dict[str, Any]]:
    """The newest document of each user, of exports in their order."""
    return list({document["_id"]: document for path in exports for document in read(path)}.values())


def band(score: int | None) -> str:
    """The band of a score."""
    if score is None:
        return NO_SCORE
    if score <= 200:
        return "up to 200"
    if score <= 400:
        return "201 to 400"
    if score <= 600:
        return "401 to 600"
    return "601 to 800" if score <= 800 else "above 800"


def users_by_band(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Users in each band; one without users has 0."""
    counted = Counter(band((document.get("score") or {}).get("score")) for document in documents)
    return {each: counted[each] for each in (*map(band, (200, 400, 600, 800, 801)), NO_SCORE)}


def users_by_day(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Users who registered, by UTC day."""
    days = (
        datetime.strptime(document["createdAt"]["$date"], "%Y-%m-%dT%H:%M:%S.%f%z").date().isoformat() for document in documents
    )
    return dict(Counter(days))


def holders(documents: Iterable[dict[str, Any]]) -> dict[str, set[int]]:
    """Who holds what: the users of each type of product."""
    found = defaultdict[str, set[int]](set)
    for document in documents:
        for product in document.get("alreadyHaveProducts") or []:
            found[product["productType"]].add(document["_id"])
    return dict(found)


def users_by_product_type(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """People who hold each type of product, however many of it."""
    return {kind: len(people) for kind, people in holders(documents).items()}


def products(documents: Iterable[dict[str, Any]]) -> list[tuple[int, int, str, str | None]]:
    """User, position, type and id of each product."""
    return [
        (document["_id"], position, product["productType"], product.get("productId"))
        for document in documents
        for position, product in enumerate(document.get("alreadyHaveProducts") or [])
    ]
