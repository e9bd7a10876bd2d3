"""No password in a message, however it got there."""

import html
import json
import shlex
import string
from pathlib import Path
from urllib.parse import quote

import duckdb
import duckdb_extension_postgres_scanner as scanner
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2.extensions import make_dsn
from pydantic import SecretStr

from ingestion.sources.postgres.extract import _message
from lakehouse import redaction
from lakehouse.engines.standard import literal
from lakehouse.errors import ComportaError
from lakehouse.redaction import first_line, redact
from lakehouse.settings import Settings

EVERY = string.printable.strip() + "é\n€"  # a password of all that can be typed


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", {})


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:canary@host/db",
        "could not connect: host=x password=canary port=1",
        "password='can ary'",
        "PASSWORD = canary",
        "postgresql+psycopg2://me:canary@h",
        "postgresql://me:a@canary@h/db",
        "password=a;canary",
        "pwd=a)canary",
        'password="a canary"',
        "password='it''s canary'",
        "password=a'canary",
        "token=canary",
    ],
)
def test_passwords_are_starred(text: str) -> None:
    assert "canary" not in redact(text) and "can ary" not in redact(text)


def test_a_message_says_where_what_and_what_to_do() -> None:
    error = ComportaError("shop.orders", "has no key", "a key", "Set key in sources.yml")
    assert str(error) == "shop.orders: has no key (wanted: a key). Set key in sources.yml."


def test_plain_text_is_left_alone() -> None:
    assert redact("user@example.org: 12:30 at 10.0.0.1:5432") == "user@example.org: 12:30 at 10.0.0.1:5432"


def _messages(secret: str) -> list[str]:
    dsn = make_dsn(host="h", user="me", password=secret)
    literal = dsn.replace("'", "''")
    return [
        f"before {secret} after",
        f'Unable to connect to Postgres at "{dsn}": no',
        f"attach '{literal}' as pg",
        json.dumps({"dsn": dsn}),
        json.dumps(secret),
        json.dumps(json.dumps(secret)),
        shlex.quote(secret),
        repr(secret),
        repr(dsn),
        html.escape(secret),
        f"smtp://me:{quote(secret, safe='')}@h",
        quote(secret),
        str([dsn]),
    ]


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
        lambda text: text.lower() not in redaction._WORDS and text.strip()
    )
)
@example(EVERY)
@example("a;b)c'd\"e@f%41\\")
def test_a_secret_that_is_known_is_not_shown_however_it_is_quoted(secret: str) -> None:
    redaction._known.clear()
    redaction.know(secret)
    for message in _messages(secret):
        shown = redact(message)
        assert secret not in shown and "***" in shown, message
        assert not any(part in shown for part in _pieces(secret, message)), shown


def _pieces(secret: str, message: str) -> list[str]:
    """Halves of the secret that only its spelling brought into the message."""
    empty = _messages("000000")[_messages(secret).index(message)].replace("000000", "")
    return [
        half for half in (secret[: len(secret) // 2], secret[len(secret) // 2 :]) if len(half) > 3 and half not in empty + "***"
    ]


@pytest.mark.parametrize("name", ["source_dsn", "smtp_url", "gate_webhook"])
def test_what_the_settings_hold_is_known(name: str, tmp_path: object) -> None:
    login = f"smtps://me:{quote(EVERY, safe='')}@h:465"
    given = {
        "source_dsn": f"postgresql://me:{quote(EVERY, safe='')}@h/db",
        "smtp_url": login,
        "gate_webhook": f"https://h/{quote(EVERY)}",
    }
    Settings(var_dir=tmp_path, **{name: SecretStr(given[name])})  # type: ignore[arg-type]
    wanted = given[name] if name == "gate_webhook" else EVERY
    assert wanted not in redact(f"told: {wanted}!")


def test_what_the_environment_holds_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", EVERY)
    Settings(var_dir=tmp_path)  # type: ignore[arg-type]
    assert EVERY not in redact(f"told: {EVERY}!")


def test_a_line_is_cut_after_its_secrets_are_out() -> None:
    redaction.know("first half\nsecond half")
    assert first_line(ValueError("at first half\nsecond half: no"), 10) == "at ***: no"
    assert first_line(ValueError()) == "ValueError"


def test_words_of_our_own_messages_stay() -> None:
    redaction.know_login("postgresql://postgres:postgres@db-host/shop_db")
    redaction.know_login("postgresql://someone:shop_db@db-host/shop_db")
    redaction.know("short")
    said = 'password authentication failed for user "postgres", database shop_db: short'
    assert redact(said) == said


@pytest.mark.parametrize(
    "password", ["secret;')@", string.printable.strip(), '": no', 'x": Unable to connect to Postgres at "y": z']
)
def test_duckdb_says_what_libpq_said_and_not_what_it_was_given(password: str) -> None:
    [extension] = Path(scanner.__file__).parent.rglob("*.duckdb_extension")
    reader = duckdb.connect(config={"allow_unsigned_extensions": True})
    reader.execute(f"load {literal(str(extension))}")
    dsn = make_dsn(host="127.0.0.1", port=1, user="me", password=password, dbname="x")
    with pytest.raises(duckdb.Error, match="Unable to connect") as refused:
        reader.execute(f"attach {literal(dsn)} as pg (type postgres)")
    assert password[:4] in str(refused.value)
    assert _message(refused.value) == 'connection to server at "127.0.0.1", port 1 failed: Connection refused'
