"""The lake's store, a folder or S3: paths, options for native writers, and whether it can be written at all."""

import shutil
from pathlib import Path

from lakehouse.errors import StorageError
from lakehouse.settings import Settings

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


def options(settings: Settings) -> dict[str, str]:
    """Options of delta-rs for the lake; credentials come from the standard AWS chain."""
    if not is_s3(settings.lake_url):
        return {}
    found = {"aws_conditional_put": "etag"}
    if settings.aws_endpoint_url:
        plain = settings.aws_endpoint_url.startswith("http://")
        found |= {"aws_endpoint": settings.aws_endpoint_url, "aws_allow_http": str(plain).lower()}
    return found


def check(settings: Settings) -> None:
    """Refuse early a lake that can't be written.

    Raises:
        StorageError: the bucket does not exist or refuses, the folder can't be made, the disk is full.
    """
    if is_s3(settings.lake_url):
        _check_bucket(settings)
    else:
        check_room(Path(settings.lake_url))


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


def _check_bucket(settings: Settings) -> None:
    import boto3  # heavy, and only an S3 lake needs it
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = settings.lake_url.removeprefix("s3://").split("/")[0]
    config = Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=10)
    try:
        boto3.client("s3", endpoint_url=settings.aws_endpoint_url, config=config).head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        seen = {"404": "does not exist", "403": "refuses these credentials"}.get(code, f"answered {code}")
        raise StorageError(f"s3://{bucket}", seen, "a bucket that can be written", "Create it or set LAKE_URL") from None
    except BotoCoreError as error:
        raise StorageError(
            f"s3://{bucket}", str(error), "a reachable bucket", "Check AWS credentials and AWS_ENDPOINT_URL"
        ) from None


def remove(settings: Settings, urls: list[str]) -> None:
    """Remove files; one that is not there is no error."""
    if not is_s3(settings.lake_url):
        for url in urls:
            Path(url).unlink(missing_ok=True)
        return
    import boto3

    client = boto3.client("s3", endpoint_url=settings.aws_endpoint_url)
    for url in urls:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        client.delete_object(Bucket=bucket, Key=key)
