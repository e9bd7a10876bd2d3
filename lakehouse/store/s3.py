"""Objects of an S3 store by boto3: one client a store, and what its errors mean."""

import os
import re
import threading
from typing import Any
from urllib.parse import urlsplit

from lakehouse.errors import ComportaError, StorageError
from lakehouse.redaction import redact
from lakehouse.settings import Settings

_PLAIN = "us-east-1"  # what stores other than AWS sign with unless told otherwise
_clients: dict[tuple[str | None, int, int], Any] = {}
_lock = threading.Lock()


def client(settings: Settings, attempts: int = 5, patience: int = 20) -> Any:
    """A client of the lake's store; credentials come from the standard AWS chain.

    Args:
        attempts: how often a request is sent, at most, before it is given up.
        patience: seconds to wait for an answer each time.
    """
    import boto3  # heavy, and only an S3 lake needs it
    from botocore.config import Config

    with _lock:
        key = settings.aws_endpoint_url, attempts, patience
        if key not in _clients:
            _clients[key] = boto3.client(
                "s3",
                endpoint_url=settings.aws_endpoint_url,
                region_name=region(settings),
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    connect_timeout=5,
                    read_timeout=patience,
                    max_pool_connections=16,
                    # Not every other store knows the checksums that AWS has asked for since 2025.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path" if settings.aws_endpoint_url else "auto"},
                ),
            )
        return _clients[key]


def region(settings: Settings) -> str | None:
    """The region by environment; that of stores other than AWS by default. None leaves it to the AWS chain."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or (_PLAIN if settings.aws_endpoint_url else None)


def is_plain(settings: Settings) -> bool:
    """Whether the store is spoken to without TLS."""
    return urlsplit(settings.aws_endpoint_url or "https://").scheme == "http"


def split(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def status(error: Exception) -> int:
    """HTTP status that the store answered with; 0 if it did not answer."""
    found = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(found or 0)


# How boto3, delta-rs and Hadoop's S3A say that the store is away, refuses, or keeps failing.
_SAID = re.compile(
    r"Generic S3 error|error sending request|software\.amazon\.awssdk|AWSStatus\d+Exception|AWSClientIOException|AWSBadRequestException"
    r"|AWSServiceIOException|AWSApiCallTimeoutException|AWSServiceThrottledException|AWSNoResponseException|AWSRedirectException"
    r"|FAILED_READ_FILE\.NO_HINT\].* s3a://|writing rows to s3a://|\(\) on s3a://"
    r"|UnknownStoreException|NoAuthWithAWSException|services\.s3\.model|Could not connect to the endpoint URL|object_store"
)
_DRAWN = re.compile(r"\x1b\[\d*m|↳")  # delta-rs paints its errors


def failure(settings: Settings, error: Exception) -> StorageError | None:
    """What to say of an error that is the store's; None if it is not, or says so itself."""
    from botocore.exceptions import BotoCoreError, ClientError

    seen = error.seen if isinstance(error, ComportaError) else str(error)  # not its remedy, which may quote a statement
    ours = isinstance(error, BotoCoreError | ClientError) or _SAID.search(seen)
    if isinstance(error, StorageError) or not ours:
        return None
    plain = " ".join(_DRAWN.sub(" ", redact(seen)).split()).removeprefix("Kernel error -> ")
    return StorageError(
        settings.lake_url,
        f"can't be read or written: {plain[:300] or type(error).__name__}",
        remedy="Nothing is half written: check the store (AWS_ENDPOINT_URL, credentials, its own state) and run again",
    )
