"""DuckDB on the lake's files: those of a folder as they are, those on S3 by its httpfs extension, which comes as a wheel."""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.store import s3, storage

Options = dict[str, str | bool | int | float | list[str]]
UNSIGNED: Options = {"allow_unsigned_extensions": True}  # the lock's hash of the wheel has said what a signature would


def reads(settings: Settings) -> bool:
    """Whether DuckDB can read the lake's files."""
    return not storage.is_s3(settings.lake_url) or find_spec("duckdb_extension_httpfs") is not None


def reach(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Let `connection`, made with `UNSIGNED`, read the lake's files.

    Raises:
        StorageError: there are no credentials.
    """
    if not storage.is_s3(settings.lake_url) or not reads(settings):
        return
    import botocore.session  # heavy, and only an S3 lake needs it
    import duckdb_extension_httpfs as httpfs

    found = botocore.session.get_session().get_credentials()
    if found is None:
        raise StorageError(
            settings.lake_url, "has no credentials here", "the standard AWS chain", "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID"
        )
    key = found.get_frozen_credentials()
    said = {"key_id": key.access_key, "secret": key.secret_key, "session_token": key.token, "region": s3.region(settings)}
    if settings.aws_endpoint_url:
        said |= {"endpoint": urlsplit(settings.aws_endpoint_url).netloc, "url_style": "path"}
    listed = "".join(f", {name} {_literal(value)}" for name, value in said.items() if value)
    [extension] = Path(httpfs.__file__).parent.rglob("*.duckdb_extension")
    connection.execute(f"load {_literal(str(extension))}")
    for name, value in ({"http_retries": "6"} | _verified()).items():
        with suppress(duckdb.CatalogException):  # of an older httpfs: then its own defaults hold
            connection.execute(f"set {name} = {value}")
    try:
        connection.execute(
            f"create secret lake (type s3, provider config, use_ssl {str(not s3.is_plain(settings)).lower()}{listed})"
        )
    except duckdb.Error:  # its message may quote the statement, and so the secret
        raise StorageError(
            settings.lake_url, "DuckDB does not take the credentials", remedy="Check them and AWS_ENDPOINT_URL"
        ) from None


def _verified() -> dict[str, str]:
    """Settings by which TLS is verified, whichever of its two clients httpfs takes; neither looks at SSL_CERT_FILE itself."""
    found = dict.fromkeys(("enable_server_cert_verification", "enable_curl_server_cert_verification"), "true")
    own = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return found | ({"ca_cert_file": _literal(own)} if own else {})


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
