"""TLS to the source: off loopback nobody is believed to be the server who can't show a certificate for its name.

libpq's own default, `sslmode=prefer`, takes any certificate and goes on in clear text where there is none. What somebody says
stands: `sslmode` in the DSN, in its service file or in PGSSLMODE.
"""

import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2.extensions import make_dsn, parse_dsn

from lakehouse import network

if TYPE_CHECKING:  # the tasks' Python need not read settings
    from lakehouse.settings import Settings

# Roots of Amazon RDS as AWS publishes them (global-bundle.pem, SHA-256 05c6b4a9…; docs/ingestion.md says how to renew it): they
# are in no system's store.
RDS = Path(__file__).with_name("rds-global-bundle.pem")
_VARIABLES = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
_VERIFIED = ("verify-ca", "verify-full")
SYSTEM = "system"  # of sslrootcert: whatever libpq's OpenSSL trusts
_TRUSTED = "a certificate for the host's name, of an authority that is trusted here"
_FILE = "certificates of authorities, PEM"
_ELSE = "If you trust the network up to the server, say so: sslmode=disable (or prefer) in SOURCE_DSN"
# What libpq says, in its own words, which nobody translates: what was wanted, what to do. An end in the middle may pass.
_REFUSALS = (
    (
        "SSL error: (?!unexpected eof)",
        _TRUSTED,
        f"Name its authority: sslrootcert=/path/ca.pem in SOURCE_DSN, or PGSSLROOTCERT; renew it there if it has expired. {_ELSE}",
    ),
    (
        "does not match host name",
        _TRUSTED,
        f"Write the host as the certificate names it; hostaddr= beside it may say where it is. {_ELSE}",
    ),
    ("server does not support SSL", "TLS", f"Switch it on there (ssl = on). {_ELSE}"),
    ("host name must be specified", _TRUSTED, "Add host= to SOURCE_DSN, the name that its certificate is for"),
    ("root certificate file", _FILE, "Check sslrootcert in SOURCE_DSN, and PGSSLROOTCERT"),
    ("sslmode", "", "Check sslmode in SOURCE_DSN, and PGSSLMODE"),
)


def secured(settings: "Settings") -> dict[str, str]:
    """SOURCE_DSN in parts, with the TLS that it is to have; secrets included, so never to be shown.

    Raises:
        psycopg2.ProgrammingError: it is no connection string.
    """
    said = {name: str(value) for name, value in parse_dsn(settings.dsn()).items()}
    return said | wanted(said, os.environ, settings.var_dir / "state" / "authorities.pem")


def wanted(said: Mapping[str, str], environment: Mapping[str, str], bundle: Path) -> dict[str, str]:
    """`sslmode` and `sslrootcert` for a connection string; nothing where libpq is to decide.

    What the environment or a service says is among it: whoever reads for us elsewhere has neither.

    Args:
        bundle: written with what this machine trusts, where nobody names an authority.
    """
    known = _known(said, environment)
    mode = known.get("sslmode") or _implied(known, environment) or ("" if local(known) else "verify-full")
    named = known.get("sslrootcert") or (_own() if mode in ("require", *_VERIFIED) else "")
    if not named and mode in _VERIFIED:
        named = str(_written(bundle))
    return {name: value for name, value in (("sslmode", mode), ("sslrootcert", named)) if value}


def local(known: Mapping[str, str]) -> bool:
    """Whether all of a connection string's hosts are this machine: a socket, or loopback; `hostaddr` beside a name changes nothing.

    A name is not looked up: whoever answers for it may be the one who is to be found out.
    """
    places = [each.strip() for name in ("host", "hostaddr") for each in known.get(name, "").split(",")]
    return all(map(_here, filter(None, places)))


def _here(place: str) -> bool:
    if place.startswith(("/", "@")) or place.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(place).is_loopback
    return False


def _known(said: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What is known of host and TLS: the string's word, else its service's, else the environment's, as libpq has it."""
    found = {name: environment[variable] for name, variable in _VARIABLES.items() if environment.get(variable)}
    if service := said.get("service") or environment.get("PGSERVICE"):
        found |= _service(service, environment)
    return found | {name: value for name, value in said.items() if value}


def _service(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What a service file says. libpq may find one where we don't look: then its host is not known to be this machine."""
    home = Path(environment.get("HOME", "/"))
    files = [Path(environment.get("PGSERVICEFILE") or home / ".pg_service.conf")]
    files += [Path(environment["PGSYSCONFDIR"]) / "pg_service.conf"] if environment.get("PGSYSCONFDIR") else []
    for file in files:
        parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=False)
        with suppress(OSError, Error, UnicodeDecodeError):
            parser.read_string(file.read_text(encoding="utf-8"))
            if parser.has_section(name):
                return dict(parser[name])
    return {"host": f"of service {name}"}


def _implied(known: Mapping[str, str], environment: Mapping[str, str]) -> str:
    if known.get("sslrootcert") == SYSTEM:
        return "verify-full"
    return "require" if environment.get("PGREQUIRESSL") == "1" else ""


def _own() -> str:
    """The authorities of this user's PostgreSQL clients, where libpq looks for them; "" if there are none."""
    found = Path("~/.postgresql/root.crt").expanduser()
    return str(found) if found.is_file() else ""


def _written(bundle: Path) -> Path:
    """`bundle`, with Amazon RDS's authorities and those of this machine, SSL_CERT_FILE's among them."""
    text = RDS.read_text(encoding="ascii") + "".join(map(ssl.DER_cert_to_PEM_cert, network.authorities()))
    with suppress(OSError):
        if bundle.read_text(encoding="ascii") == text:
            return bundle
    bundle.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=bundle.parent, prefix=".authorities.")  # nobody else may write into it meanwhile
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    Path(fresh).replace(bundle)
    return bundle


def roots(dsn: str) -> bytes:
    """The authorities that a connection string names, for those who read elsewhere; nothing where it names no file."""
    named = parse_dsn(dsn).get("sslrootcert", SYSTEM)
    if named != SYSTEM:
        with suppress(OSError):  # libpq has been content without
            return Path(named).read_bytes()
    return b""


@contextmanager
def at_hand(dsn: str, authorities: bytes) -> Iterator[str]:
    """The connection string with `authorities` in a file of this machine, which may be another than the one it was made on."""
    if not authorities:
        yield dsn
        return
    with tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem") as file:  # 0600, and a name that nobody can foresee
        file.write(authorities)
        file.flush()
        yield str(make_dsn(dsn, sslrootcert=file.name))


def refusal(message: str) -> tuple[str, str] | None:
    """What was wanted, and what to do, where TLS is why a connection did not come about; None if it is not."""
    return next(((want, remedy) for words, want, remedy in _REFUSALS if re.search(words, message)), None)
