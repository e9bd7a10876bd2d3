"""Customers, and the arrays the rest of the shop needs to know about them."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from samples.shop import copytext as ct
from samples.shop import vocabulary as words
from samples.shop.copytext import Chunk, Ints, Text

DAY = 86_400_000_000  # microseconds
NAMES = 8  # per country
_ROMAJI = dict(
    zip(
        words.COUNTRIES[8].first + words.COUNTRIES[8].last,
        (
            "yoko",
            "kenta",
            "sakura",
            "daisuke",
            "misaki",
            "sho",
            "hinata",
            "ren",
            "sato",
            "suzuki",
            "takahashi",
            "watanabe",
            "yamaguchi",
            "saito",
            "mori",
            "inoue",
        ),
        strict=True,
    )
)
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ß": "ss"})  # letters that Unicode does not decompose


@dataclass(frozen=True)
class Buyers:
    """Customers who may order: ids, positions in COUNTRIES and creation instants (ascending), of equal length."""

    ids: Ints
    country: Ints
    created: Ints


def mailbox(name: str) -> str:
    """A name reduced to lower-case ASCII letters, as shops make mailbox names."""
    plain = unicodedata.normalize("NFKD", _ROMAJI.get(name, name).translate(_PLAIN))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalpha())


FIRST = ct.pool([name for country in words.COUNTRIES for name in country.first])
LAST = ct.pool([name for country in words.COUNTRIES for name in country.last])
_FIRST_BOX = ct.pool([mailbox(name) for country in words.COUNTRIES for name in country.first])
_LAST_BOX = ct.pool([mailbox(name) for country in words.COUNTRIES for name in country.last])
CODES = ct.pool([country.code for country in words.COUNTRIES])
_DIALS = ct.pool([country.dial for country in words.COUNTRIES])
_LANGUAGES = ct.pool([country.language for country in words.COUNTRIES])
_DOMAINS = ct.pool(words.EMAIL_DOMAINS)
_TAGS = ct.pool([ct.array_literal(tags) for tags in words.TAG_SETS])
_CHANNELS = ct.pool([ct.json_text(channels) for channels in words.CHANNEL_SETS])
_THEMES = ct.pool(['"light"', '"dark"', "null", '{"custom":"#fafafa"}'])


def draw_buyers(rng: np.random.Generator, count: int, start: int, end: int) -> Buyers:
    """`count` customers created between two instants; a handful already there at the start, for the first orders."""
    spread = np.sort(rng.random(count) ** 0.85)
    spread[: count // 50 + 3] = 0.0
    shares = np.array([country.share for country in words.COUNTRIES])
    country = rng.choice(len(shares), count, p=shares / shares.sum()).astype(np.int64)
    created = start + (spread * (end - start - DAY)).astype(np.int64) + rng.integers(0, 1_000_000, count)
    return Buyers(np.arange(1, count + 1, dtype=np.int64), country, np.sort(created))


def customers(rng: np.random.Generator, buyers: Buyers, end: int) -> Chunk:
    """The customers' rows; nothing in them happens after the instant `end`."""
    n = len(buyers.ids)
    first, last = (buyers.country * NAMES + rng.integers(0, NAMES, n) for _ in range(2))
    room = np.maximum(end - buyers.created, 1)
    updated = np.where(rng.random(n) < 0.4, buyers.created + (room * rng.random(n)).astype(np.int64), buyers.created)
    deleted = rng.random(n) < 0.015
    born = rng.integers(-14_000, 13_500, n).astype("datetime64[D]").astype(str)  # 1931 to 2006
    return ct.chunk(
        "customers",
        customer_id=ct.whole(buyers.ids),
        customer_uuid=ct.uuids(rng, n),
        full_name=ct.joined(ct.pick(FIRST, first), " ", ct.pick(LAST, last)),
        email=ct.joined(
            ct.pick(_FIRST_BOX, first),
            ".",
            ct.pick(_LAST_BOX, last),
            ct.whole(buyers.ids),
            "@",
            ct.pick(_DOMAINS, rng.integers(0, len(_DOMAINS), n)),
        ),
        phone=ct.sparse(
            ct.joined(ct.pick(_DIALS, buyers.country), " ", ct.whole(rng.integers(10**8, 10**9, n))), rng.random(n) < 0.8
        ),
        birth_date=ct.sparse(ct.pool(born.tolist()), rng.random(n) < 0.7),
        country_code=ct.pick(CODES, buyers.country),
        preferences=_preferences(rng, buyers.country),
        tags=ct.pick(_TAGS, rng.integers(0, len(_TAGS), n)),
        is_vip=ct.flags(rng.random(n) < 0.03),
        credit_limit=ct.fixed(10 ** rng.integers(4, 9, n) // 4, 2, keep=rng.random(n) < 0.2),
        created_at=ct.instants(buyers.created),
        updated_at=ct.instants(updated),
        deleted_at=ct.instants(updated, keep=deleted),
    )


def _preferences(rng: np.random.Generator, country: Ints) -> Text:
    """A nested JSON object each; one in twenty is empty."""
    n = len(country)
    full = ct.joined(
        '{"language":"',
        ct.pick(_LANGUAGES, country),
        '","newsletter":',
        ct.flags(rng.random(n) < 0.5),
        ',"marketing":{"channels":',
        ct.pick(_CHANNELS, rng.integers(0, len(_CHANNELS), n)),
        ',"score":',
        ct.fixed(rng.integers(0, 10_000, n), 4),
        '},"theme":',
        ct.pick(_THEMES, rng.integers(0, len(_THEMES), n)),
        "}",
    )
    return ct.either(rng.random(n) < 0.05, "{}", full)
