"""Categories, products and stock movements."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from samples.shop import copytext as ct
from samples.shop import vocabulary as words
from samples.shop.copytext import Chunk, Ints
from samples.shop.people import DAY, mailbox


@dataclass(frozen=True)
class Goods:
    """Products on sale: ids, creation instants (ascending), list prices in cents, weights in grams; equal lengths."""

    ids: Ints
    created: Ints
    cents: Ints
    grams: Ints


@dataclass(frozen=True)
class Category:
    """One node of the tree; `nouns` are what its products are called."""

    category_id: int
    parent_id: int | None
    name: str
    slug: str
    nouns: tuple[str, ...]


@cache
def tree() -> tuple[Category, ...]:
    """All categories, parents before children."""
    nodes: list[Category] = []

    def add(parent: Category | None, name: str, nouns: tuple[str, ...]) -> Category:
        slug = "-".join(filter(None, map(mailbox, name.split())))
        path = f"{parent.slug}/{slug}" if parent else slug
        nodes.append(
            Category(
                category_id=len(nodes) + 1, parent_id=parent.category_id if parent else None, name=name, slug=path, nouns=nouns
            )
        )
        return nodes[-1]

    for top, middles in words.CATEGORY_TREE.items():
        root = add(None, top, ("Gift Card", "Surprise Box"))
        for middle, leaves in middles.items():
            branch = add(root, middle, (f"{middle} Set", f"{middle} Gift"))
            for leaf, nouns in leaves.items():
                add(branch, leaf, nouns)
    return tuple(nodes)


_NOUNS = ct.pool([noun for node in tree() for noun in node.nouns])
_NOUN_COUNT = np.array([len(node.nouns) for node in tree()])
_NOUN_START = np.cumsum(_NOUN_COUNT) - _NOUN_COUNT
# Leaves hold most products; the upper levels a few, as badly kept catalogues have.
_WEIGHT = np.array([1.0 if node.parent_id is None else 3.0 if node.slug.count("/") == 1 else 20.0 for node in tree()])
_ADJECTIVES, _MATERIALS = ct.pool(words.ADJECTIVES), ct.pool([f" {word}" if word else "" for word in words.MATERIALS])
_DESCRIPTIONS, _COLOURS = ct.pool(words.DESCRIPTIONS), ct.pool(words.COLOURS)
_REASONS = ct.pool(["sale", "purchase", "return", "count", "damage"])
_WAREHOUSES = ct.pool(words.WAREHOUSES)


def categories(created: int) -> Chunk:
    """The whole tree, all created at one instant."""
    nodes, stamps = tree(), ct.instants(np.full(len(tree()), created))
    return ct.chunk(
        "categories",
        category_id=ct.whole(np.array([node.category_id for node in nodes])),
        parent_id=ct.pool([None if node.parent_id is None else str(node.parent_id) for node in nodes]),
        name=ct.pool([node.name for node in nodes]),
        slug=ct.pool([node.slug for node in nodes]),
        created_at=stamps,
        updated_at=stamps,
    )


def draw_goods(rng: np.random.Generator, count: int, start: int, end: int) -> Goods:
    """`count` products, most there at the start, the others added until shortly before the end."""
    late = np.sort(np.where(rng.random(count) < 0.6, 0.0, rng.random(count)))
    late[:3] = 0.0
    created = start + (late * (end - start - DAY)).astype(np.int64) + np.arange(count)
    cents = np.round(np.exp(rng.normal(7.6, 1.1, count))).astype(np.int64).clip(49, 999_999_99)
    charm = np.where(rng.random(count) < 0.7, cents // 100 * 100 + 99, cents)  # prices like 19.99
    grams = np.round(np.exp(rng.normal(6.2, 1.0, count))).astype(np.int64).clip(5, 60_000)
    return Goods(np.arange(1, count + 1, dtype=np.int64), created, charm, grams)


def products(rng: np.random.Generator, goods: Goods, end: int) -> Chunk:
    """The products' rows; nothing in them happens after the instant `end`."""
    n = len(goods.ids)
    category = rng.choice(len(_WEIGHT), n, p=_WEIGHT / _WEIGHT.sum())
    noun = _NOUN_START[category] + rng.integers(0, 1 << 30, n) % _NOUN_COUNT[category]
    updated = goods.created + ((end - goods.created) * rng.random(n)).astype(np.int64)
    gone = rng.random(n) < 0.02
    colour = ct.pick(_COLOURS, rng.integers(0, len(_COLOURS), n))
    return ct.chunk(
        "products",
        product_id=ct.whole(goods.ids),
        sku=ct.joined("SKU-", ct.whole(goods.ids + 100_000)),
        category_id=ct.whole(category + 1),
        name=ct.joined(
            ct.pick(_ADJECTIVES, rng.integers(0, len(_ADJECTIVES), n)),
            ct.pick(_MATERIALS, rng.integers(0, len(_MATERIALS), n)),
            " ",
            ct.pick(_NOUNS, noun),
        ),
        description=ct.pick(_DESCRIPTIONS, rng.integers(0, len(_DESCRIPTIONS), n)),
        attributes=ct.joined(
            '{"colour":"',
            colour,
            '","dimensions_cm":[',
            ct.whole(rng.integers(1, 200, n)),
            ",",
            ct.fixed(rng.integers(1, 2000, n), 1),
            '],"eco":',
            ct.flags(rng.random(n) < 0.3),
            "}",
        ),
        image_urls=ct.sparse(
            ct.either(
                rng.random(n) < 0.1,
                "{}",
                ct.joined(
                    "{https://img.example.com/",
                    ct.whole(goods.ids),
                    "/a.jpg,NULL,https://img.example.com/",
                    ct.whole(goods.ids),
                    "/b.jpg}",
                ),
            ),
            rng.random(n) < 0.85,
        ),
        list_price=ct.fixed(goods.cents, 2),
        weight_kg=ct.sparse(ct.fixed(goods.grams, 3), rng.random(n) < 0.95),
        rating_hint=ct.sparse(ct.pool([repr(float(x)) for x in rng.normal(4, 0.5, n)]), rng.random(n) < 0.6),
        is_active=ct.flags(~gone),
        created_at=ct.instants(goods.created),
        updated_at=ct.instants(updated),
        deleted_at=ct.instants(updated, keep=gone),
    )


def stock_movements(rng: np.random.Generator, ids: Ints, goods: Goods, moved: Ints) -> Chunk:
    """Movements `ids`, one per instant of `moved` (ascending): many small sales, a few large purchases."""
    n = len(moved)
    known = np.searchsorted(goods.created, moved, side="right").clip(1)
    product = goods.ids[(known * rng.random(n) ** 1.3).astype(np.int64)]
    reason = rng.choice(5, n, p=[0.72, 0.16, 0.06, 0.03, 0.03])
    size = np.choose(
        reason,
        [-rng.integers(1, 12, n), rng.integers(12, 121, n), rng.integers(1, 4, n), rng.integers(-3, 4, n), -rng.integers(1, 6, n)],
    )
    return ct.chunk(
        "stock_movements",
        movement_id=ct.whole(ids),
        product_id=ct.whole(product),
        quantity=ct.whole(size),
        reason=ct.pick(_REASONS, reason),
        warehouse=ct.pick(_WAREHOUSES, rng.integers(0, len(_WAREHOUSES), n)),
        moved_at=ct.instants(moved),
    )
