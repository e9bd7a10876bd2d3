"""The sample export: the same plan gives the same bytes, and what trips queries up is in it at any scale."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from samples.credit import generate, truth


def export(tmp_path: Path, **given: float) -> list[dict[str, object]]:
    path = tmp_path / "dump_date=2026-07-01" / "users.json"
    assert generate.write(path, **{"scale": 0.0001, **given}) == len(truth.read(path))  # type: ignore[arg-type]
    return truth.read(path)


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate.write(tmp_path / name, 0.002, seed=3, day=1)
    generate.write(tmp_path / "c", 0.002, seed=4, day=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_the_first_users_trip_queries_up(tmp_path: Path) -> None:
    users = {user["_id"]: user for user in export(tmp_path)}
    assert len(users) == 60 and list(users) == list(range(1, 61))
    assert tuple(users[number + 1]["score"]["score"] for number in range(10)) == generate.EDGES  # type: ignore[index]
    assert users[11]["score"]["score"] is None and "score" not in users[12] and users[13]["score"] is None  # type: ignore[index]
    held = {number: len(truth.products([user])) for number, user in users.items()}
    assert [held[number] for number in range(14, 19)] == [0, 0, 0, 2, 26] and set(held.values()) <= {*range(27)}
    assert "alreadyHaveProducts" not in users[15] and users[16]["alreadyHaveProducts"] is None
    assert truth.products([users[20]])[0][3] is None
    assert "hasDebts" not in users[21]["score"] and "origin" not in users[22]["score"]  # type: ignore[operator]
    assert ", " in json.dumps(
        [users[number]["score"]["origin"]["ip"] for number in users if "origin" in (users[number].get("score") or {})]
    )  # type: ignore[index]
    assert {tuple(user)[0] for user in users.values()} == {"_id", "score", "alreadyHaveProducts"}


def test_people_are_fewer_than_products(tmp_path: Path) -> None:
    users = export(tmp_path, scale=0.005)
    assert sum(truth.users_by_product_type(users).values()) < len(truth.products(users))
    assert sum(truth.users_by_band(users).values()) == sum(truth.users_by_day(users).values()) == len(users) == 500
    ones = sum(len(truth.products([user])) == 1 for user in users)
    assert 0.5 < ones / len(users) < 0.7


def test_a_later_day_has_changes_and_new_users(tmp_path: Path) -> None:
    first, second = ({user["_id"]: user for user in export(tmp_path, day=day)} for day in (0, 1))
    assert set(first) < set(second)
    changed = [number for number in first if first[number] != second[number]]
    assert 3 < len(changed) < 30 and len(truth.products([second[18]])) < len(truth.products([first[18]]))


@pytest.mark.parametrize(
    "given", [{"scale": 0}, {"scale": 101}, {"scale": 1, "day": -1}, {"scale": 1, "reference": datetime(2026, 1, 1)}]
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="scale must be|day must be|reference must have"):
        generate.write(tmp_path / "x", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()
