"""One Parquet file of bronze: written by DuckDB, read back for its checksum, put where the lake is."""

import tempfile
import uuid
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

import duckdb

from ingestion.bronze.work import BatchContext
from lakehouse.engines.standard import literal, quote

_DISTINCT = 1_000  # values in a row group beyond which a dictionary costs more time than it saves room: 18 % of the write for 3 % of the size


class DoubtError(Exception):
    """Rows may not be what they were in the source."""


def technical(context: BatchContext, op: str, flag: str, lsn: str | None = None) -> str:
    """The columns that say where a row came from; `op`, `flag` and `lsn` are expressions, `lsn` by default the batch's."""
    lsn = lsn or ("null" if context.lsn is None else str(context.lsn))
    return (
        f"{context.batch_id}::bigint as _batch_id, timestamptz {literal(context.ingested_at)} as _ingested_at, "
        f"{op} as _op, ({lsn})::bigint as _source_lsn, {flag} as _flags"
    )


def write(
    reader: duckdb.DuckDBPyConnection,
    context: BatchContext,
    select: str,
    folder: str,
    columns: Sequence[str],
    doubt: str = "false",
    check: Callable[[Path], str] = lambda file: "",
) -> dict[str, Any]:
    """Write `select` as a Parquet file of `folder`; no file stays where there are no rows.

    Args:
        columns: the table's, of which the file may lack some; the checksum is over all of them.
        doubt: condition of rows that may not be what they were in the source.
        check: says of the file what is wrong with it, if anything is, before it is anywhere else than here.

    Returns:
        path, rows, deletes, bytes and checksum, as `RESULT` has them.

    Raises:
        DoubtError: there are such rows; no file stays.
    """
    name = f"{context.batch_id:010d}-{uuid.uuid4().hex}.parquet"
    remote = folder.startswith("s3://")
    local = Path(tempfile.mkdtemp() if remote else folder) / name
    local.parent.mkdir(parents=True, exist_ok=True)
    try:
        copied = f"copy ({select}) to {literal(str(local))} (format parquet, return_stats, dictionary_size_limit {_DISTINCT})"
        _, rows, size, *_ = reader.execute(copied).fetchall()[0]
        if not rows:
            return {"path": None, "rows": 0, "deletes": 0, "bytes": 0}
        if wrong := check(local):
            raise DoubtError(wrong)
        deletes, doubts, checksum = _read_back(reader, local, columns, doubt)
        if doubts:
            raise DoubtError(f"{doubts} rows")
        if remote:
            _upload(local, folder, context.storage)
    except BaseException:
        local.unlink(missing_ok=True)
        raise
    finally:
        if remote:
            local.unlink(missing_ok=True)
            local.parent.rmdir()
    return {"path": name, "rows": rows, "deletes": deletes, "bytes": size, "checksum": checksum}


def _read_back(reader: duckdb.DuckDBPyConnection, file: Path, columns: Sequence[str], doubt: str) -> tuple[int, int, str]:
    source = f"read_parquet({literal(str(file))})"
    has = {row[0] for row in reader.execute(f"describe select * from {source}").fetchall()}
    counts = f"count(*) filter (where _op = 'd'), count(*) filter (where {doubt})"
    deletes, doubts, total = reader.execute(f"select {counts}, {checksum_of(columns, has)} from {source}").fetchall()[0]
    return deletes, doubts, f"{total:016x}"


def checksum_of(columns: Sequence[str], has: Container[str]) -> str:
    """DuckDB's aggregate over rows that no order and no split into files changes: a sum of hashes, modulo 2^64.

    Of the row, not of the run: the same row read twice has the same checksum. Each value is hashed by itself first, since in a
    row DuckDB hashes a missing list and a missing value without a type (a column that one of the files lacks) differently.
    """
    values = (f"hash({quote(column) if column in has else 'null'})" for column in [*columns, "_op", "_flags"])
    return _total(", ".join(values))


def former_checksum_of(columns: Sequence[str]) -> str:
    """The aggregate of batches that were recorded before values were hashed one by one."""
    return _total(", ".join(quote(column) for column in [*columns, "_op", "_flags"]))


def _total(hashed: str) -> str:
    return f"(coalesce(sum(hash({hashed})), 0) % 18446744073709551616::hugeint)::ubigint"


def added(checksums: list[str]) -> str:
    """The checksum of rows that lie in several files."""
    return f"{sum(int(checksum, 16) for checksum in checksums) % 2**64:016x}"


def _upload(local: Path, folder: str, storage: dict[str, str]) -> None:
    """Put the file into the lake's store.

    Raises:
        OSError: the store is away, refuses, or keeps failing.
    """
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    endpoint = storage.get("aws_endpoint")
    patience = Config(
        retries={"mode": "standard", "total_max_attempts": 8},
        connect_timeout=5,
        read_timeout=20,
        request_checksum_calculation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    try:
        client: Any = boto3.client("s3", endpoint_url=endpoint, region_name=storage.get("aws_region"), config=patience)
        client.upload_file(str(local), bucket, f"{prefix}/{local.name}")
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise OSError(f"Generic S3 error: {error}") from None
