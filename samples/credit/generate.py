"""Exports of a credit marketplace's users: one file, an array of documents, as MongoDB writes them; same plan, same bytes.

The first users are those that trip queries up, whatever the scale: each edge of a band, no score, no products, two of one type.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from samples.shop.vocabulary import COUNTRIES

REFERENCE_DATE = datetime(2026, 6, 30, tzinfo=UTC)
DAYS = 365
EDGES = (200, 201, 400, 401, 600, 601, 800, 801, 2, 918)
MOST_PRODUCTS = 26
Document = dict[str, Any]

_TYPES = ("creditcard", "digitalaccount")
_TEXTS = (
    ("Em construção", "Ainda há pouca informação: cada conta paga em dia ajuda."),
    ("Atenção", "Há dívidas em atraso; negociá-las é o primeiro passo."),
    ("Bom caminho", "Sua pontuação está subindo, não é à toa."),
    ("Muito bom", "As opções já são muitas: compare antes de pedir crédito."),
    ("Excelente", "Você está entre os que têm as melhores condições."),
)
_SOURCES = ("busca", "indicação", "boletim", "parceiro-é", "")
_AGENTS = (
    "Mozilla/5.0 (Linux; Android 11; aparelho) Navegador/91.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 14_4) Navegador/14.0",
    'Mozilla/5.0 (X11; "Linux"; x86_64) Navegador/88\\0',
)


@dataclass(frozen=True)
class ExportPlan:
    """What to generate: the export of the `day`-th day after the first one, made at `reference` (with a time zone)."""

    scale: float
    seed: int = 7
    day: int = 0
    reference: datetime = REFERENCE_DATE

    def __post_init__(self) -> None:
        """Raises ValueError for a scale that is not positive, a day before the first, or a reference without a zone."""
        if not 0 < self.scale <= 100:
            raise ValueError(f"scale must be above 0 and at most 100, not {self.scale}")
        if self.day < 0:
            raise ValueError(f"day must be 0 or later, not {self.day}")
        if self.reference.tzinfo is None:
            raise ValueError("reference must have a time zone")

    @property
    def users(self) -> int:
        """100,000 at scale 1; later exports have new ones too."""
        least = max(60, round(100_000 * self.scale))
        return least + self.day * max(3, least // 100)

    def rng(self, user: int, day: int = 0) -> random.Random:
        """Chance of one user on one day, which no other user moves."""
        return random.Random(f"{self.seed}:{user}:{day}")


def write(path: Path, scale: float, seed: int = 7, day: int = 0, reference: datetime = REFERENCE_DATE) -> int:
    """Write an export to `path`, in constant memory; the number of its documents."""
    plan = ExportPlan(scale, seed, day, reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, document in enumerate(documents(plan)):
            file.write(",\n" if number else "[")
            json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
        file.write("]\n")
    return plan.users


def documents(plan: ExportPlan) -> Iterator[Document]:
    """The users' documents in the order of their keys."""
    first = ExportPlan(plan.scale, plan.seed, 0, plan.reference).users
    for user in range(1, plan.users + 1):
        made = _document(plan, user, plan.rng(user), is_new=user > first)
        for day in range(1, plan.day + 1):
            _change(made, user, plan.rng(user, day), plan.reference + timedelta(days=day))
        yield _ordered(made, user)


def _document(plan: ExportPlan, user: int, rng: random.Random, is_new: bool) -> Document:
    since = plan.reference if is_new else plan.reference - timedelta(days=DAYS)
    created = since + timedelta(milliseconds=rng.randrange(86_400_000 if is_new else DAYS * 86_400_000))
    if user % 50 == 0:  # the last and the first moment of a day, UTC
        created = created.replace(hour=23, minute=59, second=59, microsecond=999_000)
    elif user % 50 == 1:
        created = created.replace(hour=0, minute=0, second=0, microsecond=0)
    country = COUNTRIES[rng.choices(range(len(COUNTRIES)), [each.share for each in COUNTRIES])[0]]
    made: Document = {
        "_id": user,
        "name": f"{rng.choice(country.first)} {rng.choice(country.last)}",
        "createdAt": _date(created),
        "updatedAt": _date(created + timedelta(milliseconds=rng.randrange(86_400_000))),
        "alreadyHaveProducts": _products(user, rng, created),
        "score": _score(user, rng, created),
    }
    return _without(made, user, rng)


def _without(made: Document, user: int, rng: random.Random) -> Document:
    """What some documents lack, or have as null."""
    if user == 11 or (user > 30 and rng.random() < 0.005):
        made["score"]["score"] = None
    if user == 12 or (user > 30 and rng.random() < 0.01):
        del made["score"]
    elif user == 13:
        made["score"] = None
    if user == 15:
        del made["alreadyHaveProducts"]
    elif user == 16:
        made["alreadyHaveProducts"] = None
    return made


def _products(user: int, rng: random.Random, created: datetime) -> list[Document]:
    count = 1
    while count < MOST_PRODUCTS and rng.random() < 0.4:
        count += 1 if rng.random() < 0.8 else 3
    if user == 14 or (user > 30 and rng.random() < 0.01):
        count = 0
    elif user in (17, 18):
        count = (2, MOST_PRODUCTS)[user - 17]
    kinds = rng.choices(_TYPES, (0.6, 0.4), k=min(count, MOST_PRODUCTS))
    if user == 17:  # two of one type: people are fewer than products
        kinds = ["creditcard", "creditcard"]
    elif user == 19:
        kinds = ["loan"]
    products = [
        {
            "productType": kind,
            "productId": f"{kind[:4]}-{rng.choice(('fácil', 'ouro', 'básico', 'família'))}-{rng.randrange(100)}",
            "createdAt": _date(created + timedelta(minutes=rng.randrange(100_000))),
        }
        for kind in kinds
    ]
    if user == 20:
        products[0].pop("productId")
    return products


def _score(user: int, rng: random.Random, created: datetime) -> Document:
    score = EDGES[user - 1] if user <= len(EDGES) else rng.randint(2, 918)
    name, text = _TEXTS[min(score // 200, 4)]
    made: Document = {
        "score": score,
        "scoreName": name,
        "scoreText": text,
        "scoreDescription": f"{name}: {score} de 1000",
        "hasConsumidorPositivo": rng.random() < 0.5,
        "updateCount": rng.randrange(30),
        "createdAt": _date(created + timedelta(seconds=rng.randrange(3_600))),
    }
    if user != 21 and (user <= 30 or rng.random() > 0.007):
        made["hasDebts"] = rng.random() < 0.3
    if user != 22 and (user == 23 or rng.random() < 0.55):
        made["origin"] = _origin(rng)
    return made


def _origin(rng: random.Random) -> Document:
    addresses = [f"203.0.113.{rng.randrange(1, 255)}" for _ in range(rng.choice((1, 1, 2, 3)))]  # reserved for examples (RFC 5737)
    return {
        "utm_source": rng.choice(_SOURCES),
        "utm_medium": rng.choice(("cpc", "e-mail", "orgânico")),
        "utm_campaign": rng.choice(("verão", "sem anuidade", None)),
        "utm_term": rng.choice((None, "cartão", "conta digital")),
        "utm_content": rng.choice((None, "faixa-1", "faixa-2")),
        "referrer": rng.choice((None, "https://exemplo.com.br/crédito?q=a%20b&c=d")),
        "ip": ", ".join(addresses),
        "useragent": rng.choice(_AGENTS),
    }


def _change(made: Document, user: int, rng: random.Random, at: datetime) -> None:
    """What a day does to a user: mostly nothing; another score, products that come and go, all of them gone."""
    event = rng.choice(("score", "more", "less", "none left")) if rng.random() < 0.2 else ""
    products = made.get("alreadyHaveProducts") or []
    if user == 18:  # whatever chance says: of many products few are left
        event, products = "less", products[:3]
    if event == "score" and made.get("score"):
        made["score"]["score"] = rng.randint(2, 918)
    elif event == "more":
        made["alreadyHaveProducts"] = [*products, {"productType": rng.choice(_TYPES), "productId": "novo", "createdAt": _date(at)}]
    elif event == "less":
        made["alreadyHaveProducts"] = products[:-1]
    elif event == "none left":
        made["alreadyHaveProducts"] = []
    if event:
        made["updatedAt"] = _date(at)


def _ordered(made: Document, user: int) -> Document:
    """Half of the documents have their keys in another order, on each level."""
    if user % 2:
        return made
    turned = dict(reversed(made.items()))
    if turned.get("score"):
        turned["score"] = dict(reversed(turned["score"].items()))
    return turned


def _date(at: datetime) -> Document:
    """As the export writes it: {"$date": "2021-11-27T10:15:56.296+0000"}."""
    return {"$date": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"}
