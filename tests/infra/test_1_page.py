"""docs/aws.md, as far as it can be followed without AWS: what it looks up is there, what it writes is no secret lying about."""

import json
import re
import shutil
import subprocess
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from infra.terraform import CODE
from psycopg2.extensions import parse_dsn

from lakehouse.settings import ROOT

PAGE = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
# What RDS makes and what people take: each of these ends a field, a quote or a URL somewhere.
PASSWORDS = ["plain", r"a:b\c", "\"';)(&|`$HOME", "é @/?#%41", ":\\:", "}{[]<>~^*!=+,."]


def program(start: str) -> str:
    """The jq program of the page that begins so; the name of the database is its argument."""
    [found] = re.findall(re.escape(start) + r""" --arg host "\$DATABASE" '([^']*)'""", PAGE)
    return str(found)


def jq(*arguments: str, given: str = "", **environment: str) -> str:
    """What jq prints, byte by byte."""
    found = shutil.which("jq")
    assert found, "jq is not on PATH (wanted: 1.6 or later; docs/aws.md uses it). Install it, then run make infra-test again."
    command = [found, *arguments]
    return subprocess.run(command, input=given.encode(), env=environment, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_password_file_is_read_back(password: str) -> None:
    secret = json.dumps({"username": "postgres", "password": password})
    line = jq("-r", "--arg", "host", "db.example.com", program("jq -r"), given=secret)
    assert line.endswith("\n") and line.count("\n") == 1
    # As libpq reads it: fields end at a colon, a backslash takes the next character as it is.
    fields = [re.sub(r"\\(.)", r"\1", field) for field in re.findall(r"((?:\\.|[^:\\])*)(?::|$)", line.rstrip("\n"))[:5]]
    assert fields == ["db.example.com", "5433", "*", "postgres", password]


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_dsn_is_read_back(password: str) -> None:
    """To the last byte: a line's end behind it would be part of the secret, and of the DSN's last option."""
    dsn = jq("-jn", "--arg", "host", "db.example.com", program("jq -jn"), password=password)
    wanted = {"user": "comporta", "password": password, "host": "db.example.com", "port": "5432", "dbname": "shop"}
    assert parse_dsn(dsn) == wanted


def test_no_password_stands_on_a_command_line() -> None:
    for line in PAGE.splitlines():
        assert not re.search(r"://[^\s:/@`]+:[^@`]+@", line) or "password=$password jq" in line, line
        assert not re.search(r"PGPASSWORD|--secret-string (?!file://)|(make|psql)\b.*SOURCE_DSN=", line), line


def test_what_is_written_there_stays_out_of_git() -> None:
    written = ["owner.pgpass", "dsn.txt", ".env", "terraform/envs/dev/terraform.tfvars", "terraform/envs/dev/state.s3.tfbackend"]
    assert [name for name in written if name.rsplit("/", 1)[-1] not in PAGE] == []
    told = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert told == written


def test_what_is_looked_up_is_an_output() -> None:
    known = set(re.findall(r'^output "(\w+)"', (CODE / "modules" / "comporta" / "outputs.tf").read_text(), re.M))
    asked = set(re.findall(r"(?:\$\(|`)get '?(\w+)", PAGE))
    assert len(asked) > 9 and asked <= known
    doors = set(re.findall(r"session_documents\.(\w+)", PAGE))
    documents = (CODE / "modules" / "sessions" / "main.tf").read_text().split("documents = {")[1].split("\n  }\n")[0]
    assert doors == set(re.findall(r"^    (\w+) = jsonencode", documents, re.M))


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_examples_clock_is_right(environment: str) -> None:
    """Terraform knows no time zones; what people copy must be what the zone's clocks do."""
    text = (CODE / "envs" / environment / "terraform.tfvars.example").read_text()
    [(name, said)] = re.findall(r'time_zone += \{ name = "([^"]+)", utc_offsets = \[([^]]+)\] \}', text)
    offsets = [datetime(2026, month, 15, tzinfo=ZoneInfo(name)).utcoffset() for month in range(1, 13)]
    assert {offset.total_seconds() / 3600 for offset in offsets if offset is not None} == set(map(float, said.split(",")))
