"""The lake's store, a folder or S3: paths, options for native writers, and whether it can be written at all."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lakehouse import access
from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG_STORE = "comporta.ConditionalLogStore"  # `scala.py` has it compiled
_ROOM = 256 * 1024 * 1024  # below this a Parquet file or a shuffle may not fit: better to refuse than to break off


def is_s3(url: str) -> bool:
    """Whether `url` names an object store rather than a folder."""
    return url.startswith("s3://")


def join(url: str, *parts: str) -> str:
    """`url` with `parts` appended, whatever the store."""
    return "/".join([url.rstrip("/"), *parts])


def for_spark(url: str) -> str:
    """`url` as Hadoop spells it."""
    return "s3a://" + url.removeprefix("s3://") if is_s3(url) else "file://" + url


def is_same(told: str, url: str) -> bool:
    """Whether the catalog's `told` is the place that we call `url`, links followed."""
    if is_s3(url):
        return told.replace("s3a://", "s3://", 1).rstrip("/") == url.rstrip("/")
    path = "/" + told.removeprefix("file:").lstrip("/") if told.startswith(("file:", "/")) else told
    return any(os.path.realpath(one) == os.path.realpath(url) for one in (path, unquote(path)))


def files(table: "DeltaTable") -> list[str]:
    """Where the files of a version are: paths in a folder, URLs on S3. delta-rs tells both as URLs, a space as `%20`."""
    return [uri if is_s3(uri) else unquote(uri.removeprefix("file://")) for uri in table.file_uris()]


def options(settings: Settings) -> dict[str, str]:
    """Options of delta-rs for the lake; credentials come from the standard AWS chain."""
    if not is_s3(settings.lake_url):
        return {}
    found = {"aws_conditional_put": "etag", "connect_timeout": "5s", "timeout": "30s"}
    # Outlasts a burst of errors of half a minute. Left to itself it gives up after a second.
    found |= {"max_retries": "12", "retry_timeout": "60s"}
    found |= {"backoff_config.init_backoff": "200ms", "backoff_config.base": "2", "backoff_config.max_backoff": "5s"}
    if settings.aws_endpoint_url:
        found |= {"aws_endpoint": settings.aws_endpoint_url, "aws_allow_http": str(s3.is_plain(settings)).lower()}
    if region := s3.region(settings):
        found["aws_region"] = region
    return found


def for_hadoop(settings: Settings) -> dict[str, str]:
    """Spark's settings for the lake: nothing on a folder. No credentials: the server has them from its environment."""
    if not is_s3(settings.lake_url):
        return {}
    found = {
        # The SDK's own chain, as boto3 has it: environment, profile, web identity, container, instance.
        "aws.credentials.provider": "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
        "connection.establish.timeout": "5s",
        "connection.request.timeout": "30s",
        "connection.timeout": "60s",  # of a connection that says nothing
        "connection.maximum": "96",
        # Of the SDK, then of S3A around it. Together they outlast a burst of errors of half a minute, and not much more.
        "attempts.maximum": "4",
        "retry.limit": "4",
        "retry.interval": "500ms",
        "retry.throttle.limit": "6",
        "buffer.dir": str(access.scratch(settings.var_dir) / "s3a"),
    }
    if settings.aws_endpoint_url:
        found |= {
            "endpoint": settings.aws_endpoint_url,
            "path.style.access": "true",
            "connection.ssl.enabled": str(not s3.is_plain(settings)).lower(),
        }
    if region := s3.region(settings):
        found["endpoint.region"] = region
    # Delta's own would write over what another driver has just committed (decision 0018).
    store = {"spark.delta.logStore.s3a.impl": LOG_STORE}
    return store | {f"spark.hadoop.fs.s3a.{name}": value for name, value in found.items()}


def check(settings: Settings) -> None:
    """Refuse early a lake that can't be written.

    Raises:
        StorageError: the bucket does not exist or refuses, the folder can't be made, the disk is full, the store keeps no conditions.
    """
    if is_s3(settings.lake_url):
        for bucket in dict.fromkeys(s3.split(place)[0] for place in settings.places):
            check_bucket(settings, bucket)
        _check_conditions(settings)
    else:
        for place in settings.places:
            check_room(Path(place))


def check_room(folder: Path, needed: int = _ROOM) -> None:
    """Create `folder` and refuse if its disk has less than `needed` bytes left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(str(folder), f"can't be used: {error.strerror}", "a writable folder", "Set LAKE_URL") from None
    if free < needed:
        raise StorageError(
            str(folder),
            f"{free / 2**20:.0f} MB free",
            f"at least {needed / 2**20:.0f} MB",
            "Free some room, or point LAKE_URL elsewhere, and run again: nothing was written",
        )


def check_bucket(settings: Settings, bucket: str) -> None:
    """Refuse a bucket that is not there or may not be looked at; nothing is written."""
    from botocore.exceptions import BotoCoreError, ClientError  # heavy, and only an S3 lake needs it

    try:
        s3.client(settings).head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        seen = {"404": "does not exist", "403": "refuses these credentials"}.get(code, f"answered {code}")
        raise StorageError(
            f"s3://{bucket}", seen, "a bucket that can be written", "Create it, or name another in LAKE_URL (SILVER_URL, GOLD_URL)"
        ) from None
    except BotoCoreError as error:
        raise StorageError(
            f"s3://{bucket}", str(error), "a reachable bucket", "Check AWS credentials and AWS_ENDPOINT_URL"
        ) from None


def _check_conditions(settings: Settings) -> None:
    """Refuse a store that writes whatever the condition: neither the lease nor a commit would hold there, and nothing else would tell."""
    url = join(settings.lake_url, "_lease", "conditions")
    if _creates(settings, url) and _creates(settings, url):  # the first time it is not there
        raise StorageError(
            url,
            "was written though it is there",
            "a store that keeps If-None-Match",
            "Use another store, or a folder: nothing was written",
        )


def _creates(settings: Settings, url: str) -> bool:
    bucket, key = s3.split(url)
    try:
        s3.client(settings).put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    except Exception as error:
        if s3.status(error) in (403, 409, 412):  # who may not write is told so when it writes
            return False
        raise (s3.failure(settings, error) or error) from None
    return True


def read(settings: Settings, url: str) -> bytes:
    """The whole file; a lake on S3 only.

    Raises:
        FileNotFoundError: it is not there.
    """
    bucket, key = s3.split(url)
    try:
        found: bytes = s3.client(settings).get_object(Bucket=bucket, Key=key)["Body"].read()
    except Exception as error:
        if s3.status(error) == 404:
            raise FileNotFoundError(url) from None
        raise (s3.failure(settings, error) or error) from None
    return found


def remove(settings: Settings, urls: list[str]) -> None:
    """Remove files; one that is not there is no error."""
    if not is_s3(settings.lake_url):
        for url in urls:
            Path(url).unlink(missing_ok=True)
        return
    client = s3.client(settings)
    for url in urls:
        bucket, key = s3.split(url)
        try:
            client.delete_object(Bucket=bucket, Key=key)
        except Exception as error:
            raise (s3.failure(settings, error) or error) from None
