"""The jars that Spark's wheel lacks: fetched once by coordinates, each checked against a committed SHA-256.

Spark's own Ivy resolves them (it knows its repository); transitive jars are refused, since Delta's clash with Spark's own.
"""

import hashlib
import os
import subprocess
import tempfile
import warnings
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from filelock import FileLock

from lakehouse import console, environment, network
from lakehouse.errors import ServerError
from lakehouse.servers import java
from lakehouse.settings import ROOT

SPARK_HOME = Path(str(find_spec("pyspark").origin)).parent  # type: ignore[union-attr]  # to import it takes half a second
_TRUST_PASSWORD = "changeit"  # noqa: S105 - a trust store holds public certificates only; the format wants a password


def pinned(s3: bool = False) -> dict[str, str]:
    """Coordinates `group:artifact:version` to SHA-256, as committed in `jars.lock`; with those for a lake on S3 if asked for."""
    lines = resources.files("lakehouse.servers").joinpath("jars.lock").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows if s3 or "s3" not in row[2:]}


def ensure(jars: dict[str, str]) -> list[Path]:
    """Jars on disk, those that lack fetched: what an image was built with must be what its server asks for, so there is no default.

    Args:
        jars: coordinates to SHA-256, as `pinned` gives them.

    Raises:
        ServerError: a jar is not there and could not be had, or is not the one that was pinned.
    """
    folder = ROOT / "var" / "jars"  # the same for every lake of this checkout
    wanted = {folder / _file(coordinates): digest for coordinates, digest in jars.items()}
    with _alone(folder, wanted):
        if lacking := [each for each, path in zip(jars, wanted, strict=True) if not path.exists()]:
            _fetch(folder, lacking)
        for path, digest in wanted.items():
            _verify(path, digest)
    return list(wanted)


def _alone(folder: Path, wanted: Collection[Path]) -> AbstractContextManager[object]:
    """Keeps others from fetching at the same time. In a container's image all is there for good, and nothing can be written."""
    with suppress(OSError):
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # what is fetched is everybody's, and an image's users are many
    if os.access(folder, os.W_OK):
        return FileLock(folder / ".lock")
    if lacking := [path.name for path in wanted if not path.exists()]:
        raise ServerError(
            str(folder),
            f"lacks {len(lacking)} of {len(wanted)} jars ({', '.join(lacking[:2])}{' …' * (len(lacking) > 2)}) and can't be written",
            "all of them",
            "In a container: build its image anew, which fetches them. Elsewhere: run once as who owns the folder",
        )
    return nullcontext()


def _file(coordinates: str) -> str:
    _, artifact, version = coordinates.split(":")
    return f"{artifact}-{version}.jar"


def _verify(path: Path, digest: str) -> None:
    if not path.exists():
        raise ServerError(path.name, "could not be fetched", remedy="Check the network and run again")
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    if seen == digest:
        return
    remedy = "It was removed; run again, and if it repeats, distrust the network"
    try:
        path.unlink()
    except OSError:
        remedy = f"{path.parent} can't be written: build the image anew, and ask who has changed this one"
    raise ServerError(path.name, f"has SHA-256 {seen}", f"{digest} as pinned", remedy)


def _fetch(folder: Path, jars: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "ivy.xml").write_text(_ivy(jars))
        command = [
            str(java.find()),
            *_trust(work),
            "-jar",
            str(next((SPARK_HOME / "jars").glob("ivy-*.jar"))),
            "-ivy",
            str(work / "ivy.xml"),
            "-cache",
            str(work / "cache"),
            "-confs",
            "default",
            "-retrieve",
            f"{folder}/[artifact]-[revision].[ext]",
            "-warn",
        ]
        done = subprocess.run(
            command,
            env=environment.java() | java.LOCALE,
            umask=0o022,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    if done.returncode:
        raise ServerError(
            "jars",
            f"{len(jars)} could not be fetched: {_reason(done.stdout + done.stderr)}",
            remedy=f"Check the network and run again; where there is none, copy them into {folder} from a machine that has fetched them",
        )


def _reason(told: str) -> str:
    """Of all that Ivy says, the first line that says why: what the network did, else what was not found."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    network = [line.partition(" url=")[0] for line in lines if " url=" in line or line.startswith("Server access error")]
    absent = [line.strip(": ") for line in lines if line.startswith(":: ") and line.endswith(": not found")]
    return (network or absent or lines[-1:] or ["no output"])[0]


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
    for number, der in enumerate(network.authorities()):
        try:
            store.append(pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), str(number).encode()))
        except ValueError:
            continue  # an authority with a malformed certificate is one that we can do without
    if not store:
        return []
    path = work / "trust.p12"
    path.write_bytes(pkcs12.serialize_java_truststore(store, BestAvailableEncryption(_TRUST_PASSWORD.encode())))
    return [f"-Djavax.net.ssl.trustStore={path}", f"-Djavax.net.ssl.trustStorePassword={_TRUST_PASSWORD}"]


def main() -> None:
    """Fetch what a server of any kind wants: that of a folder lake, and that of a lake on S3."""
    console.out.print(f"{len(ensure(pinned(s3=True)))} jars")


if __name__ == "__main__":
    main()
