"""No password in a message, however it got there."""

import pytest

from lakehouse.errors import ComportaError, redact


@pytest.mark.parametrize(
    "text",
    ["postgresql://me:canary@host/db", "could not connect: host=x password=canary port=1", "password='can ary'", "PASSWORD = canary",
     "postgresql+psycopg2://me:canary@h"],
)  # fmt: skip
def test_passwords_are_starred(text: str) -> None:
    assert "canary" not in redact(text) and "can ary" not in redact(text)


def test_a_message_says_where_what_and_what_to_do() -> None:
    error = ComportaError("shop.orders", "has no key", "a key", "Set key in sources.yml")
    assert str(error) == "shop.orders: has no key (wanted: a key). Set key in sources.yml."


def test_plain_text_is_left_alone() -> None:
    assert redact("user@example.org: 12:30 at 10.0.0.1:5432") == "user@example.org: 12:30 at 10.0.0.1:5432"
