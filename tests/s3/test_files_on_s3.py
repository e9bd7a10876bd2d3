"""Files of a bucket as a source, of a lake on the same store: fetched, taken once, replaced, and gone."""

import gzip
from pathlib import Path

import pytest
from folder_source import Folder

from lakehouse.errors import StorageError
from lakehouse.settings import Settings
from lakehouse.store import raw, s3

ROWS = "id|nome\n1|São Paulo\n2|b\n"


@pytest.fixture
def landed(store: Settings, tmp_path: Path) -> Folder:
    settings = store.model_copy(update={"lake_url": "s3://comporta/files", "var_dir": tmp_path / "var"})
    entry = {"files": "csv/t/**/*.csv*", "format": "csv", "key": ["id"], "deletes": "compare"}
    return Folder(tmp_path, settings, {"t": entry}, path=raw.root(settings, "src"))


def put(found: Folder, path: str, content: bytes) -> None:
    bucket, key = s3.split(f"{found.path}/{path}")
    s3.client(found.settings).put_object(Bucket=bucket, Key=key, Body=content)


def test_files_of_a_bucket_are_taken_once_and_followed(landed: Folder) -> None:
    put(landed, "csv/t/2026/01/01/a.csv", ROWS.encode())
    put(landed, "csv/t/2026/01/02/b.csv.gz", gzip.compress((ROWS + "3|c\nragged\n").encode(), mtime=0))
    put(landed, "csv/other/x.csv", b"not|asked\n1|2\n")
    assert landed.take()["t"].rows == 5
    assert [(row["id"], row["nome"], row["_file"]) for row in landed.current("t", "id")] == [
        (1, "São Paulo", "csv/t/2026/01/02/b.csv.gz"),
        (2, "b", "csv/t/2026/01/02/b.csv.gz"),
        (3, "c", "csv/t/2026/01/02/b.csv.gz"),
    ]
    assert [line for _, line, _ in landed.rejected("t")] == [5]
    assert landed.take()["t"].status == "empty"
    put(landed, "csv/t/2026/01/02/b.csv.gz", gzip.compress(b"id|nome\n3|new\n", mtime=0))
    bucket, key = s3.split(f"{landed.path}/csv/t/2026/01/01/a.csv")
    s3.client(landed.settings).delete_object(Bucket=bucket, Key=key)
    outcome = landed.take()["t"]
    assert (outcome.rows, outcome.deletes) == (1, 2)
    assert [(row["id"], row["nome"]) for row in landed.current("t", "id")] == [(3, "new")]
    assert not [*(landed.settings.var_dir / "tmp").glob("files-*")]


def test_a_bucket_that_is_not_there_is_named(landed: Folder) -> None:
    landed.path = "s3://no-such-bucket-of-ours/raw"
    with pytest.raises(StorageError, match="no-such-bucket-of-ours"):
        landed.take()
