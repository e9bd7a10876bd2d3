"""The whole shop as a stream of COPY chunks: same plan, same bytes, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from samples.shop import catalogue, people
from samples.shop import copytext as ct
from samples.shop import vocabulary as words
from samples.shop.catalogue import Goods
from samples.shop.copytext import Chunk, Floats, Ints
from samples.shop.people import DAY, Buyers
from samples.shop.sales import sales

REFERENCE_DATE = datetime(2026, 6, 30, tzinfo=UTC)
DAYS = 730
CHUNK_ROWS = 50_000
CHUNK_ORDERS = 20_000
_WEEK = np.array([1.25, 1.05, 0.95, 0.9, 1.0, 0.85, 1.1])  # Monday first
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 11, 12, 11, 12, 11, 10, 10, 11, 12, 13, 15, 16, 14, 9, 5])
_TITLES, _OPENERS = ct.pool(words.REVIEW_TITLES), ct.pool(words.REVIEW_OPENERS)
_CLOSERS, _AWKWARD = ct.pool(words.REVIEW_CLOSERS), ct.pool(words.AWKWARD)
_PHOTOS = ct.pool(
    [None, None, None, ct.array_literal(()), ct.array_literal(("one.jpg",)), ct.array_literal(("a, b.jpg", None, 'c "d".png'))]
)


@dataclass(frozen=True)
class ShopPlan:
    """What to generate: nothing happens at or after `reference` (timezone-aware), nor 730 days before it."""

    scale: float
    seed: int = 7
    reference: datetime = REFERENCE_DATE

    def __post_init__(self) -> None:
        """Raises ValueError for a scale that is not positive or a reference without a zone."""
        if not 0 < self.scale <= 100:
            raise ValueError(f"scale must be above 0 and at most 100, not {self.scale}")
        if self.reference.tzinfo is None:
            raise ValueError("reference must have a time zone")

    def rows(self, at_one: int, least: int) -> int:
        """The rows of a table that has `at_one` rows at scale 1."""
        return max(least, round(at_one * self.scale))

    @property
    def end(self) -> int:
        return micros(self.reference)

    @property
    def start(self) -> int:
        return self.end - DAYS * DAY

    def rng(self, stream: int, part: int = 0) -> np.random.Generator:
        """An independent generator for each part of each stream, so that no part depends on another."""
        return np.random.default_rng([self.seed, stream, part])


def micros(instant: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def generate(plan: ShopPlan) -> Iterator[Chunk]:
    """All rows of all tables; a table's referenced rows come before it."""
    buyers = people.draw_buyers(plan.rng(1), plan.rows(100_000, 50), plan.start, plan.end)
    goods = catalogue.draw_goods(plan.rng(2), plan.rows(5_000, 60), plan.start, plan.end)
    for part, low in enumerate(range(0, len(buyers.ids), CHUNK_ROWS)):
        some = slice(low, low + CHUNK_ROWS)
        yield people.customers(plan.rng(3, part), Buyers(buyers.ids[some], buyers.country[some], buyers.created[some]), plan.end)
    yield catalogue.categories(plan.start)
    yield catalogue.products(plan.rng(4), goods, plan.end)
    yield from _all_sales(plan, buyers, goods)
    for part, ids, times in _spread(plan, 6, plan.rows(200_000, 40)):
        yield reviews(plan.rng(7, part), ids, created=times, buyers=buyers, goods=goods, end=plan.end)
    for part, ids, times in _spread(plan, 8, plan.rows(500_000, 120)):
        yield catalogue.stock_movements(plan.rng(9, part), ids, goods, times)


def _all_sales(plan: ShopPlan, buyers: Buyers, goods: Goods) -> Iterator[Chunk]:
    first_shipment = 1
    for part, ids, times in _spread(plan, 5, plan.rows(1_000_000, 200), CHUNK_ORDERS):
        for chunk in sales(
            plan.rng(10, part), ids, placed=times, buyers=buyers, goods=goods, horizon=plan.end - 1, first_shipment=first_shipment
        ):
            if chunk.table == "shipments":
                first_shipment += chunk.rows
            yield chunk


def day_weights(first: datetime, rng: np.random.Generator) -> Floats:
    """How busy each of the DAYS days is: threefold growth, the week's rhythm, a peak in late November, some noise."""
    dates = [first + timedelta(days=day) for day in range(DAYS)]
    week = _WEEK[[date.weekday() for date in dates]]
    peak = np.array([2.2 if date.month == 11 and date.day >= 24 else 1.0 for date in dates])
    weights: Floats = np.linspace(1, 3, DAYS) * week * peak * rng.uniform(0.85, 1.15, DAYS)
    return weights


def times_of_day(rng: np.random.Generator, days: Ints, start: int) -> Ints:
    """One instant for each day number, at busy hours more often, sorted."""
    share = np.concatenate([[0.0], np.cumsum(_HOURS / _HOURS.sum())])
    hour = np.interp(rng.random(len(days)), share, np.arange(25.0))
    return np.sort(start + days * DAY + np.minimum((hour * (DAY / 24)).astype(np.int64), DAY - 1))


def _spread(plan: ShopPlan, stream: int, count: int, size: int = CHUNK_ROWS) -> Iterator[tuple[int, Ints, Ints]]:
    """`count` events over the days in parts of whole days and about `size`: part number, ids from 1, instants."""
    weights = day_weights(plan.reference - timedelta(days=DAYS), plan.rng(stream))
    weights[0] = 0.0  # the shop opens on the second day: customers and products exist by then
    until = np.round(np.cumsum(weights) / weights.sum() * count).astype(np.int64)
    day_of = np.diff(until, prepend=0)
    cuts = np.searchsorted(until, np.arange(size, count + size, size)).clip(max=DAYS - 1)
    low = 0
    for part, high in enumerate(sorted({int(cut) + 1 for cut in cuts} | {DAYS})):
        days = np.repeat(np.arange(low, high), day_of[low:high])
        if len(days):
            ids = np.arange(1, len(days) + 1) + (until[low - 1] if low else 0)
            yield part, ids, times_of_day(plan.rng(stream, part + 1), days, plan.start)
        low = high


def reviews(rng: np.random.Generator, ids: Ints, created: Ints, buyers: Buyers, goods: Goods, end: int) -> Chunk:
    """Reviews `ids` written at the instants `created`; later edits and soft deletions come before `end`."""
    n, fate = len(ids), rng.random(len(ids))
    product = (np.searchsorted(goods.created, created, side="right").clip(1) * rng.random(n) ** 1.8).astype(np.int64)
    buyer = (np.searchsorted(buyers.created, created, side="right").clip(1) * rng.random(n) ** 1.5).astype(np.int64)
    plain = ct.joined(
        ct.pick(_OPENERS, rng.integers(0, len(_OPENERS), n)), " ", ct.pick(_CLOSERS, rng.integers(0, len(_CLOSERS), n))
    )
    awkward = ct.pick(_AWKWARD, rng.integers(0, len(_AWKWARD), n))
    edited = np.where(fate < 0.03, created + ((end - created) * rng.random(n)).astype(np.int64), created)
    return ct.chunk(
        "reviews",
        review_id=ct.whole(ids),
        product_id=ct.whole(goods.ids[product]),
        customer_id=ct.whole(buyers.ids[buyer]),
        rating=ct.whole(rng.choice(5, n, p=[0.06, 0.05, 0.12, 0.3, 0.47]) + 1),
        title=ct.pick(_TITLES, rng.integers(0, len(_TITLES), n)),
        body=ct.sparse(ct.either(rng.random(n) < 0.02, awkward, plain), rng.random(n) < 0.85),
        photos=ct.pick(_PHOTOS, rng.integers(0, len(_PHOTOS), n)),
        created_at=ct.instants(created),
        updated_at=ct.instants(edited),
        deleted_at=ct.instants(edited, keep=fate < 0.012),
    )
