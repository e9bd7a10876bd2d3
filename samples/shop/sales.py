"""Orders with their lines, payments and shipments: one consistent story per order, many orders at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from samples.shop import copytext as ct
from samples.shop import vocabulary as words
from samples.shop.catalogue import Goods
from samples.shop.copytext import Chunk, Flags, Ints, Text
from samples.shop.people import CODES, DAY, FIRST, LAST, NAMES, Buyers

HOUR, MINUTE = DAY // 24, DAY // 1440
PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, RETURNED = range(6)
CARD, PIX, TRANSFER, VOUCHER = range(4)
_STATUSES = ct.pool(["placed", "paid", "shipped", "delivered", "cancelled", "returned"])
_METHODS = ct.pool(["card", "pix", "transfer", "voucher"])
_CURRENCY_CODES = tuple(words.CURRENCY_RATES)
_CURRENCIES, _RATES = ct.pool(_CURRENCY_CODES), np.array(tuple(words.CURRENCY_RATES.values()))
_HOME_CURRENCY = np.array([_CURRENCY_CODES.index(country.currency) for country in words.COUNTRIES])
_COUPONS, _NOTES, _AWKWARD = ct.pool(words.COUPONS), ct.pool(words.NOTES), ct.pool(words.AWKWARD)
_DEVICES, _BROWSERS, _OPTIONS = ct.pool(words.DEVICES), ct.pool(words.BROWSERS), ct.pool(words.LINE_OPTIONS)
_CITIES = ct.pool([city for country in words.COUNTRIES for city in country.cities])
_STREETS = ct.pool([country.street for country in words.COUNTRIES])
_SHIPPERS = ct.pool(words.SHIPPERS)
_TIMES = ct.pool([f"{hour:02d}:{minute:02d}:00" for hour in range(8, 20) for minute in (0, 15, 30, 59)])
_LINE_SHARES = np.array([0.26, 0.24, 0.18, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01, 0.01])  # orders with 1, 2, ... lines
_DISCOUNTS = np.array([0, 500, 1000, 1500, 2000, 3333, 5000])  # ten-thousandths


@dataclass(frozen=True)
class Orders:
    """Orders as arrays of equal length; instants in microseconds, meaningless where the matching flag is off."""

    ids: Ints
    buyer: Ints  # positions in the buyers
    country: Ints
    currency: Ints
    placed: Ints
    status: Ints
    paid_at: Ints
    paid: Flags
    shipped_at: Ints
    delivered_at: Ints
    closed_at: Ints  # cancelled or returned
    updated: Ints
    shipping: Ints  # cents


@dataclass(frozen=True)
class Lines:
    """Order lines: positions of their order and product, plus what the other tables sum up."""

    order: Ints
    product: Ints
    number: Ints
    quantity: Ints
    price: Ints  # cents
    discount: Ints  # ten-thousandths
    total: Ints  # cents


def sales(
    rng: np.random.Generator, ids: Ints, placed: Ints, buyers: Buyers, goods: Goods, *, horizon: int, first_shipment: int
) -> Iterator[Chunk]:
    """The chunks of all four tables for orders `ids` placed at `placed` (ascending), as known at `horizon`."""
    orders = _orders(rng, ids, placed=placed, buyers=buyers, horizon=horizon)
    lines = _lines(rng, orders, goods)
    amounts = np.bincount(lines.order, lines.total, len(ids)).astype(np.int64) + orders.shipping
    grams = np.bincount(lines.order, lines.quantity * goods.grams[lines.product], len(ids)).astype(np.int64)
    yield _order_rows(rng, orders, buyers)
    yield _line_rows(rng, lines, orders, goods)
    yield _payment_rows(rng, orders, amounts)
    yield _shipment_rows(rng, orders, grams, first_shipment)


def _delay(rng: np.random.Generator, n: int, least: float, mean_extra: float) -> Ints:
    """Waiting times: at least `least` microseconds and on average `mean_extra` more."""
    return (least + rng.exponential(mean_extra, n)).astype(np.int64)


def _orders(rng: np.random.Generator, ids: Ints, placed: Ints, buyers: Buyers, horizon: int) -> Orders:
    n, chance = len(ids), rng.random(len(ids))
    known = np.searchsorted(buyers.created, placed, side="right").clip(1)
    buyer = (known * rng.random(n) ** 2).astype(np.int64)  # squared: the oldest customers order most
    country = buyers.country[buyer]
    currency = np.where(rng.random(n) < 0.97, _HOME_CURRENCY[country], 0)
    slow = rng.random(n) < 0.2
    paid_at = placed + np.where(slow, _delay(rng, n, HOUR, 14 * HOUR), _delay(rng, n, 1e7, 2 * MINUTE))
    shipped_at = paid_at + _delay(rng, n, 4 * HOUR, 18 * HOUR)
    delivered_at = shipped_at + _delay(rng, n, 20 * HOUR, 60 * HOUR)
    dropped, sent_back, unpaid = chance < 0.04, (chance >= 0.04) & (chance < 0.075), chance < 0.022
    closed_at = np.where(dropped, np.where(unpaid, placed, paid_at), delivered_at) + _delay(rng, n, HOUR, 30 * HOUR)
    closed = (dropped | sent_back) & (closed_at <= horizon)
    paid = (paid_at <= horizon) & ~unpaid
    status = np.where(paid, PAID, PLACED)
    status[(shipped_at <= horizon) & ~dropped] = SHIPPED
    status[(delivered_at <= horizon) & ~dropped] = DELIVERED
    status[closed] = np.where(dropped[closed], CANCELLED, RETURNED)
    steps = np.stack([placed, np.where(paid, paid_at, placed), shipped_at, delivered_at, closed_at, closed_at])
    step = np.where(status == PLACED, 0, status)
    fee = rng.choice(np.array([390, 495, 690, 1250]), n) * _RATES[currency] // 100
    shipping = np.where(rng.random(n) < 0.35, 0, fee)
    return Orders(
        ids=ids,
        buyer=buyer,
        country=country,
        currency=currency,
        placed=placed,
        status=status,
        paid_at=paid_at,
        paid=paid,
        shipped_at=shipped_at,
        delivered_at=delivered_at,
        closed_at=closed_at,
        updated=steps[step, np.arange(n)],
        shipping=shipping,
    )


def _lines(rng: np.random.Generator, orders: Orders, goods: Goods) -> Lines:
    counts = rng.choice(np.arange(1, len(_LINE_SHARES) + 1), len(orders.ids), p=_LINE_SHARES)
    order = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    known = np.searchsorted(goods.created, orders.placed, side="right").clip(1)[order]
    product = (known * rng.random(len(order)) ** 1.8).astype(np.int64)
    quantity = np.where(rng.random(len(order)) < 0.002, rng.integers(50, 1000, len(order)), rng.geometric(0.62, len(order)))
    # Prices moved with the months; the price of a line is the one of its day, in its currency.
    month_factor = 88 + (orders.placed[order] // (91 * DAY) + product) % 13
    price = (goods.cents[product] * month_factor * _RATES[orders.currency[order]] // 10_000).clip(1)
    discount = _DISCOUNTS[rng.choice(len(_DISCOUNTS), len(order), p=[0.8, 0.05, 0.06, 0.03, 0.03, 0.02, 0.01])]
    total = (quantity * price * (10_000 - discount) + 5_000) // 10_000  # half up, as round() does for numeric
    return Lines(order=order, product=product, number=number, quantity=quantity, price=price, discount=discount, total=total)


def _order_rows(rng: np.random.Generator, orders: Orders, buyers: Buyers) -> Chunk:
    n, fate = len(orders.ids), rng.random(len(orders.ids))
    note = ct.either(
        fate < 0.004, ct.pick(_AWKWARD, rng.integers(0, len(_AWKWARD), n)), ct.pick(_NOTES, rng.integers(0, len(_NOTES), n))
    )
    client = ct.joined(
        '{"device":"',
        ct.pick(_DEVICES, rng.integers(0, len(_DEVICES), n)),
        '","browser":"',
        ct.pick(_BROWSERS, rng.integers(0, len(_BROWSERS), n)),
        '","ip":"203.0.113.',
        ct.whole(rng.integers(0, 256, n)),
        '","pages":',
        ct.whole(rng.geometric(0.12, n)),
        "}",
    )
    return ct.chunk(
        "orders",
        order_id=ct.whole(orders.ids),
        customer_id=ct.whole(buyers.ids[orders.buyer]),
        status=ct.pick(_STATUSES, orders.status),
        currency=ct.pick(_CURRENCIES, orders.currency),
        coupon_code=ct.sparse(ct.pick(_COUPONS, rng.integers(0, len(_COUPONS), n)), rng.random(n) < 0.07),
        shipping_cost=ct.fixed(orders.shipping, 2),
        note=ct.sparse(note, fate < 0.08),
        client_info=ct.sparse(client, rng.random(n) < 0.9),
        placed_at=ct.instants(orders.placed),
        paid_at=ct.instants(orders.paid_at, keep=orders.paid),
        updated_at=ct.instants(orders.updated),
    )


def _line_rows(rng: np.random.Generator, lines: Lines, orders: Orders, goods: Goods) -> Chunk:
    n = len(lines.order)
    touched = np.where(rng.random(n) < 0.05, orders.updated[lines.order], orders.placed[lines.order])
    return ct.chunk(
        "order_lines",
        order_id=ct.whole(orders.ids[lines.order]),
        line_number=ct.whole(lines.number),
        product_id=ct.whole(goods.ids[lines.product]),
        quantity=ct.whole(lines.quantity),
        unit_price=ct.fixed(lines.price, 2),
        discount_rate=ct.fixed(lines.discount, 4),
        gift_wrap=ct.flags(rng.random(n) < 0.06),
        options=ct.sparse(ct.pick(_OPTIONS, rng.integers(0, len(_OPTIONS), n)), rng.random(n) < 0.12),
        updated_at=ct.instants(touched),
    )


def _payment_rows(rng: np.random.Generator, orders: Orders, amounts: Ints) -> Chunk:
    """One payment per paid order; one in thirty is split with a voucher."""
    paid = np.flatnonzero(orders.paid & (amounts > 0))
    split = paid[(rng.random(len(paid)) < 1 / 30) & (amounts[paid] > 1000)]
    order = np.concatenate([paid, split])
    n, extra = len(order), np.arange(len(order)) >= len(paid)
    part = np.zeros(len(amounts), np.int64)
    part[split] = amounts[split] // 4
    in_brazil = orders.currency[order] == _CURRENCY_CODES.index("BRL")
    usual = rng.choice([CARD, TRANSFER, VOUCHER], n, p=[0.8, 0.17, 0.03])
    method = np.where(extra, VOUCHER, np.where(in_brazil & (rng.random(n) < 0.7), PIX, usual))
    refunded = orders.status[order] >= CANCELLED
    return ct.chunk(
        "payments",
        payment_id=ct.uuids(rng, n),
        order_id=ct.whole(orders.ids[order]),
        method=ct.pick(_METHODS, method),
        amount=ct.fixed(np.where(extra, part[order], amounts[order] - part[order]), 2),
        provider_data=_provider_data(rng, method),
        paid_at=ct.instants(orders.paid_at[order]),
        refunded_at=ct.instants(orders.closed_at[order], keep=refunded),
        updated_at=ct.instants(np.where(refunded, orders.closed_at[order], orders.paid_at[order])),
    )


def _provider_data(rng: np.random.Generator, method: Ints) -> Text:
    """What the payment provider answered: an object that depends on the method; vouchers have none."""
    n = len(method)
    card = ct.joined(
        '{"brand": "',
        ct.pick(ct.pool(["visa", "mastercard", "amex"]), rng.integers(0, 3, n)),
        '", "last4": "',
        ct.whole(rng.integers(1000, 10_000, n)),
        '",  "ok": true}',
    )
    code = ct.hexadecimal(rng.integers(0, 256, (n, 8), dtype=np.uint8))
    other = ct.joined('{"reference": "', code, '", "fee": ', ct.fixed(rng.integers(0, 500, n), 2), "}")
    return ct.sparse(ct.either(method == CARD, card, other), method != VOUCHER)


def _shipment_rows(rng: np.random.Generator, orders: Orders, grams: Ints, first_id: int) -> Chunk:
    """One shipment per sent order, two for one in thirty; some paid orders have a label that has not left yet."""
    sent = np.isin(orders.status, (SHIPPED, DELIVERED, RETURNED))
    ready = np.flatnonzero(sent | ((orders.status == PAID) & (rng.random(len(sent)) < 0.3)))
    order = np.sort(np.concatenate([ready, ready[rng.random(len(ready)) < 1 / 30]]))
    n, status = len(order), orders.status[order]
    left, arrived = sent[order], np.isin(status, (DELIVERED, RETURNED))
    updated = np.where(left, orders.shipped_at[order], orders.updated[order])
    updated[arrived] = orders.delivered_at[order][arrived]
    tracking = ct.joined(ct.pick(CODES, orders.country[order]), ct.whole(rng.integers(10**9, 10**10, n)))
    return ct.chunk(
        "shipments",
        shipment_id=ct.whole(np.arange(first_id, first_id + n)),
        order_id=ct.whole(orders.ids[order]),
        carrier=ct.pick(_SHIPPERS, rng.integers(0, len(_SHIPPERS), n)),
        tracking_code=ct.sparse(tracking, rng.random(n) < 0.93),
        weight_kg=ct.sparse(ct.fixed(grams[order].clip(5, 99_999_999), 3), rng.random(n) < 0.97),
        ship_to=_addresses(rng, orders.country[order]),
        shipped_at=ct.instants(orders.shipped_at[order], keep=left),
        delivered_at=ct.instants(orders.delivered_at[order], keep=arrived),
        pickup_time=ct.sparse(ct.pick(_TIMES, rng.integers(0, len(_TIMES), n)), rng.random(n) < 0.3),
        updated_at=ct.instants(updated),
    )


def _addresses(rng: np.random.Generator, country: Ints) -> Text:
    n = len(country)
    first, last = (country * NAMES + rng.integers(0, NAMES, n) for _ in range(2))
    return ct.joined(
        '{"name":"',
        ct.pick(FIRST, first),
        " ",
        ct.pick(LAST, last),
        '","lines":["',
        ct.pick(_STREETS, country),
        " ",
        ct.whole(rng.integers(1, 400, n)),
        '",null],"city":"',
        ct.pick(_CITIES, country * 4 + rng.integers(0, 4, n)),
        '","postcode":"',
        ct.whole(rng.integers(10_000, 99_999, n)),
        '","country":"',
        ct.pick(CODES, country),
        '"}',
    )
