"""What no message, log, page or table may show: the secrets that this process knows, as they stand, and whatever looks like one."""

import html
import json
import os
import re
from urllib.parse import unquote, urlsplit

from lakehouse import network

_STARS = "***"
_SHORTEST = 6  # characters: a shorter one stands in too many words, and stars in their place would tell it
_WORDS = {"password", "postgres", "postgresql", "secret"}  # that people take for one, and that messages are made of
_LOGIN = re.compile(r"(\w+://[^\s:/@]*):\S*@")
_PAIR = re.compile(r"(?i)\b(password|passwd|pwd|secret|token)\s*=\s*('(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|\S+)")
_OF_THE_ENVIRONMENT = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_QUOTES = "\\'\""
_QUOTED = r"""(?:[\\'"]|(?i:%5c|%27|%22)|&quot;|&#(?:x27|39|34);|u00(?:27|22|5c))"""
_known: dict[str, re.Pattern[str]] = {}  # the longest first, since one may stand in another


def know(*secrets: str | None) -> None:
    """Never show these again, however they are quoted: a driver's message shows what it was given, perhaps quoted twice over."""
    found = {secret for secret in secrets if secret and len(secret) >= _SHORTEST and secret.lower() not in _WORDS}
    if new := found - {*_known}:
        every = _known | {secret: _spelt(secret) for secret in new}
        _known.clear()
        _known.update(sorted(every.items(), key=lambda each: -len(each[0])))


def _spelt(secret: str) -> re.Pattern[str]:
    """Matches the secret as it stands, and as an URL, a connection string, SQL, JSON, HTML, Python or a shell would write it."""
    runs = re.findall(r"""[\\'"]+|.""", secret, re.DOTALL)
    return re.compile("".join(f"{_QUOTED}{{{len(run)},}}+" if run[0] in _QUOTES else _character(run) for run in runs))


def _character(char: str) -> str:
    if char.isalnum() and char.isascii():
        return char
    utf16 = char.encode("utf-16-be", "surrogatepass").hex()
    escaped = {repr(char)[1:-1].lstrip("\\"), json.dumps(char)[1:-1].lstrip("\\"), html.escape(char), char}
    ways = [re.escape(each) for each in sorted(escaped)]
    ways += ["(?i:" + "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "surrogatepass")) + ")"]
    ways += ["(?i:" + r"\\*".join(f"u{utf16[first : first + 4]}" for first in range(0, len(utf16), 4)) + ")"]
    ways += [r"\s", r"\+"] if char.isspace() else []
    return rf"\\*(?:{'|'.join(ways)})"


def know_login(text: str) -> None:
    """Never show the password of a connection string or of a URL, unless it is a name in it as well."""
    names: set[str | None] = set()
    try:
        parts = urlsplit(text)
        names |= {parts.username, parts.hostname, parts.path.strip("/")}
        passwords = [parts.password, unquote(parts.password or "")]
    except ValueError:
        passwords = []
    try:
        from psycopg2 import ProgrammingError
        from psycopg2.extensions import parse_dsn
    except ImportError:  # a process without the driver has no connection string
        pass
    else:
        try:
            said = parse_dsn(text)
            names |= {said.get(name) for name in ("user", "dbname", "host")}
            passwords += [said.get("password"), said.get("sslpassword")]
        except ProgrammingError:
            pass
    if written := re.match(r"\w[\w+.-]*://[^:/@]*:(.*)@", text, re.DOTALL):  # as libpq splits it, or another library would
        passwords.append(written[1])
    know(*(each for each in passwords if each not in names))


def know_environment() -> None:
    """Never show what the environment holds for the drivers, and for a proxy."""
    know(*(os.environ.get(name) for name in _OF_THE_ENVIRONMENT))
    for proxy in filter(None, map(os.environ.get, network.PROXIES)):
        know_login(proxy)


def conceal(text: str) -> str:
    """`text` without the secrets that this process knows."""
    for pattern in _known.values():
        text = pattern.sub(_STARS, text)
    return text


def redact(text: str) -> str:
    """`text` without the secrets that this process knows, and without the passwords of URLs and connection strings in it."""
    return _PAIR.sub(rf"\1={_STARS}", _LOGIN.sub(rf"\1:{_STARS}@", conceal(text)))


def first_line(error: object, most: int = 300) -> str:
    """The first line of what an error says, at most so many characters; cut after its secrets are out, or half of one would stay."""
    lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
    return lines[0][:most]
