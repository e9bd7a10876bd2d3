"""The generator without a database: the same plan gives the same bytes, and COPY text is escaped right."""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from samples.shop import copytext as ct
from samples.shop.generate import REFERENCE_DATE, ShopPlan, generate, micros
from samples.shop.truth import TRUTH


def digests(plan: ShopPlan) -> dict[str, str]:
    """One digest of all the bytes of each table."""
    found: dict[str, hashlib._Hash] = {}
    for chunk in generate(plan):
        found.setdefault(chunk.table, hashlib.sha256()).update(chunk.payload)
    return {table: digest.hexdigest() for table, digest in found.items()}


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert digests(ShopPlan(0.002)) == digests(ShopPlan(0.002))


@pytest.mark.parametrize("other", [ShopPlan(0.002, seed=8), ShopPlan(0.002, reference=datetime(2025, 1, 1, tzinfo=UTC))])
def test_another_seed_or_date_gives_another_shop(other: ShopPlan) -> None:
    base, changed = digests(ShopPlan(0.002)), digests(other)
    assert [table for table in base if base[table] == changed[table]] in ([], ["categories"])


def test_rows_follow_the_scale() -> None:
    rows: Counter[str] = Counter()
    for chunk in generate(ShopPlan(0.01)):
        rows[chunk.table] += chunk.rows
        assert chunk.payload.count(b"\n") == chunk.rows
        assert chunk.payload.count(b"\t") == chunk.rows * (len(chunk.columns) - 1)
    assert (rows["customers"], rows["orders"], rows["reviews"], rows["stock_movements"]) == (1000, 10_000, 2000, 5000)
    assert (rows["categories"], rows["products"]) == (40, 60)
    assert 28_000 < rows["order_lines"] < 32_000


@pytest.mark.parametrize(
    ("scale", "reference"), [(0, REFERENCE_DATE), (-1, REFERENCE_DATE), (101, REFERENCE_DATE), (1, datetime(2026, 1, 1))]
)  # noqa: DTZ001
def test_a_bad_plan_is_refused(scale: float, reference: datetime) -> None:
    with pytest.raises(ValueError, match=r"scale must be|time zone"):
        ShopPlan(scale, reference=reference)


def test_copy_text_escapes_and_nulls() -> None:
    values = ct.pool(["a\tb", None, "c\\d\r\n", "\\N", ""])
    chunk = ct.chunk("t", number=ct.whole(np.arange(5)), text=values)
    assert chunk.payload == b"0\ta\\tb\n1\t\\N\n2\tc\\\\d\\r\\n\n3\t\\\\N\n4\t\n"


def test_decimals_keep_every_digit() -> None:
    keep = np.array([True, True, False])
    assert ct.fixed(np.array([5, 12_345, 1]), 2, keep).to_pylist() == ["0.05", "123.45", None]


def test_instants_are_written_to_the_microsecond_in_utc() -> None:
    moment = micros(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert ct.instants(np.array([moment])).to_pylist() == ["2026-01-02 03:04:05.000006+00"]


def test_array_literals_quote_and_keep_nulls() -> None:
    assert ct.array_literal(('say "hi"', None, "a\\b", "NULL")) == '{"say \\"hi\\"",NULL,"a\\\\b","NULL"}'


def test_json_columns_are_json() -> None:
    for chunk in generate(ShopPlan(0.002)):
        for name in {"preferences", "attributes", "client_info", "provider_data", "ship_to", "options"} & {*chunk.columns}:
            at = chunk.columns.index(name)
            for line in chunk.payload.decode().splitlines():
                text = line.split("\t")[at]
                if text != "\\N":
                    json.loads(text.replace("\\\\", "\\"))


def test_truth_names() -> None:
    assert list(TRUTH) == ["daily_sales", "customer_value", "category_revenue", "stock_on_hand"]
