"""Nothing depends on the machine: what `su` leaves of PATH, no HOME, another zone and locale, a proxy, umask 077, a folder with spaces."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apart
import pytest
from house import FOLDERS
from ports import free_ports

from lakehouse.settings import ROOT

_CODE = (*FOLDERS, "dbt_project")
_OURS = shutil.ignore_patterns("__pycache__", "target", "logs", "dbt_packages")


class Checkout:
    """A copy of this repository's code elsewhere, with the environment and the jars of this one, run from yet another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _CODE:
            shutil.copytree(ROOT / name, folder / name, ignore=_OURS)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / "var").mkdir()
        (folder / "var" / "jars").symlink_to(ROOT / "var" / "jars")
        names = ("THRIFT_PORT", "CONNECT_PORT", "SPARK_UI_PORT", "POSTGRES_PORT", "SITE_PORT")
        self.environment = dict(zip(names, map(str, free_ports(len(names))), strict=True)) | {
            "PATH": "/usr/bin:/bin",
            "TZ": "America/Sao_Paulo",
            "LC_ALL": "C",
            "SPARK_MEMORY": "1g",
            "http_proxy": "http://127.0.0.1:9",  # nobody is there
            "JDK_JAVA_OPTIONS": os.environ["JDK_JAVA_OPTIONS"],
            "COMPORTA_TESTS": os.environ["COMPORTA_TESTS"],
        }

    def python(self, *arguments: str, **changes: str) -> str:
        """What Python prints, standard error too; fails the test if it fails."""
        done = subprocess.run(
            [self.folder / ".venv" / "bin" / "python", "-W", "ignore", *arguments],
            cwd="/",
            env=self.environment | changes,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def run(self, *arguments: str, **changes: str) -> str:
        """`python -m comporta …`."""
        return self.python("-m", "comporta", *arguments, **changes)


@pytest.fixture(scope="module")
def away() -> Iterator[Checkout]:
    folder = apart.folder("away") / "Olá mundo's #1, 50% {a}"
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True)
        made = Checkout(folder)
    finally:
        os.umask(before)
    yield made
    made.run("down")
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize("changes", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "tr_TR.ISO-8859-9"}])
@pytest.mark.parametrize("command", ["status", "releases", "--help"])
def test_commands_say_the_same_in_any_locale(away: Checkout, command: str, changes: dict[str, str]) -> None:
    plain = away.run(command, LC_ALL="C.UTF-8", TZ="UTC")
    assert away.run(command, **changes) == plain != ""


def test_the_servers_start_and_a_table_goes_all_the_way(away: Checkout) -> None:
    script = (
        "import psycopg2\nfrom lakehouse import dbt\nfrom lakehouse.servers import postgres\nfrom lakehouse.machine import load\n"
        "database = postgres.of(load())\nassert database.start() and database.stop() and database.start()\n"
        "dsn = database.create_database('shop')\n"
        "with psycopg2.connect(dsn) as shop, shop.cursor() as cursor:\n"
        "    cursor.execute('create table t(id int primary key, at timestamptz, v text)')\n"
        "    cursor.execute(\"insert into t values (1, '2026-01-01 00:30Z', 'ação'), (2, null, null)\")\n"
        "    cursor.execute('show timezone')\n    assert cursor.fetchone() == ('UTC',)\n"
        "print(dsn)"
    )
    dsn = away.python("-c", script).splitlines()[-1]
    away.run("ingest", SOURCE_DSN=dsn)
    assert "Olá mundo's" in away.run("status")
    asked = away.run("sql", "-e", "select id, cast(at as string), v, upper('title') from bronze.shop__t where v is not null")
    assert asked.splitlines()[-2].split() == ["1", "2026-01-01", "00:30:00", "ação", "TITLE"], asked
    assert len(list((away.folder / "var" / "lake" / "bronze" / "shop__t").glob("_delta_log/*.json"))) == 1
    away.python("-c", "from lakehouse import dbt\nfrom lakehouse.machine import load\ndbt.invoke(load(), 'parse')")
    assert (away.folder / "var" / "dbt" / "target" / "manifest.json").is_file()
