"""The jars that Spark's wheel lacks: fetched once by coordinates, each checked against a committed SHA-256.

Spark's own Ivy resolves them (it knows its repository); transitive jars are refused, since Delta's clash with Spark's own.
"""

import hashlib
import os
import ssl
import subprocess
import tempfile
import warnings
from contextlib import nullcontext
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pyspark
from filelock import FileLock

from lakehouse import java
from lakehouse.errors import ServerError
from lakehouse.settings import ROOT

SPARK_HOME = Path(pyspark.__file__).parent
_TRUST_PASSWORD = "changeit"  # noqa: S105 - a trust store holds public certificates only; the format wants a password


def pinned(s3: bool = False) -> dict[str, str]:
    """Coordinates `group:artifact:version` to SHA-256, as committed in `jars.lock`; with those for a lake on S3 if asked for."""
    lines = resources.files("lakehouse").joinpath("jars.lock").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows if s3 or "s3" not in row[2:]}


def ensure(jars: dict[str, str] | None = None) -> list[Path]:
    """The pinned jars on disk, fetched if need be.

    Args:
        jars: coordinates to SHA-256; `jars.lock` by default.

    Raises:
        ServerError: a jar could not be had, or is not the one that was pinned.
    """
    folder = ROOT / "var" / "jars"  # the same for every lake of this checkout
    folder.mkdir(parents=True, exist_ok=True)
    # In a container's image they are there for good, and nothing can be written.
    with FileLock(folder / ".lock") if os.access(folder, os.W_OK) else nullcontext():
        jars = jars or pinned()
        wanted = {folder / _file(coordinates): digest for coordinates, digest in jars.items()}
        if not all(path.exists() for path in wanted):
            _fetch(folder, list(jars))
        for path, digest in wanted.items():
            _verify(path, digest)
    return list(wanted)


def _file(coordinates: str) -> str:
    _, artifact, version = coordinates.split(":")
    return f"{artifact}-{version}.jar"


def _verify(path: Path, digest: str) -> None:
    if not path.exists():
        raise ServerError(path.name, "could not be fetched", remedy="Check the network and run again")
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    if seen != digest:
        path.unlink()
        raise ServerError(
            path.name,
            f"has SHA-256 {seen}",
            f"{digest} as pinned",
            "It was removed; run again, and if it repeats, distrust the network",
        )


def _fetch(folder: Path, jars: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "ivy.xml").write_text(_ivy(jars))
        command = [
            str(java.find()),
            *_trust(work),
            "-jar", str(next((SPARK_HOME / "jars").glob("ivy-*.jar"))),
            "-ivy", str(work / "ivy.xml"),
            "-cache", str(work / "cache"),
            "-confs", "default",
            "-retrieve", f"{folder}/[artifact]-[revision].[ext]",
            "-warn",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no output"]
        raise ServerError("jars", f"could not be fetched: {last[0]}", remedy="Check the network and run again")


def _ivy(jars: list[str]) -> str:
    """An Ivy module that depends on `jars` alone."""
    lines = []
    for coordinates in jars:
        group, artifact, version = (quoteattr(part) for part in coordinates.split(":"))
        lines.append(f'<dependency org={group} name={artifact} rev={version} transitive="false" conf="default->default"/>')
    return (
        '<ivy-module version="2.0"><info organisation="comporta" module="jars"/><configurations><conf name="default"/>'
        f"</configurations><dependencies>{''.join(lines)}</dependencies></ivy-module>"
    )


def _trust(work: Path) -> list[str]:
    """Options that make Java trust what this machine trusts: a wheel's Java does not know a company's own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
    from cryptography.utils import CryptographyDeprecationWarning

    store = []
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # on authorities of this machine, not of ours
    for number, der in enumerate(ssl.create_default_context().get_ca_certs(binary_form=True)):
        try:
            store.append(pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), str(number).encode()))
        except ValueError:
            continue  # an authority with a malformed certificate is one that we can do without
    if not store:
        return []
    path = work / "trust.p12"
    path.write_bytes(pkcs12.serialize_java_truststore(store, BestAvailableEncryption(_TRUST_PASSWORD.encode())))
    return [f"-Djavax.net.ssl.trustStore={path}", f"-Djavax.net.ssl.trustStorePassword={_TRUST_PASSWORD}"]
