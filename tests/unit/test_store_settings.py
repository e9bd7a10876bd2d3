"""STORE=s3 and lakes on S3 by settings alone; what the store's errors are called."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from pydantic import ValidationError

from lakehouse import machine
from lakehouse.errors import LockError, ServerError, SettingsError, StorageError
from lakehouse.servers import jars, seaweedfs, server
from lakehouse.settings import ROOT, Settings
from lakehouse.store import s3, storage
from lakehouse.tables import candidate

_PLAIN = Settings(lake_url="s3://ours/comporta", aws_endpoint_url="https://store.example.com:9000")


def test_store_s3_brings_lake_endpoint_and_folder() -> None:
    made = Settings(store="s3", s3_port=9333)
    assert (made.lake_url, made.aws_endpoint_url, made.var_dir) == (
        "s3://comporta/lake",
        "http://127.0.0.1:9333",
        ROOT / "var" / "s3",
    )


def test_store_s3_keeps_what_was_asked_for(tmp_path: Path) -> None:
    made = Settings(store="s3", s3_port=9333, lake_url="s3://mine/x/", aws_endpoint_url="http://127.0.0.1:9333", var_dir=tmp_path)
    assert (made.lake_url, made.var_dir) == ("s3://mine/x", tmp_path)


@pytest.mark.parametrize(
    "said",
    [{"store": "S3"}, {"store": "s3", "lake_url": "/data"}, {"store": "s3", "aws_endpoint_url": "http://elsewhere:9000"}],
    ids=str,
)
def test_what_does_not_go_with_it_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="STORE|store"):
        Settings(**said)


def test_spark_is_told_the_endpoint_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("AWS_REGION", "eu-south-2")
    found = server.configuration(_PLAIN, [])
    assert found["spark.hadoop.fs.s3a.endpoint"] == _PLAIN.aws_endpoint_url
    assert (found["spark.hadoop.fs.s3a.path.style.access"], found["spark.hadoop.fs.s3a.connection.ssl.enabled"]) == ("true", "true")
    assert found["spark.hadoop.fs.s3a.endpoint.region"] == "eu-south-2"
    assert found["spark.sql.warehouse.dir"] == "s3a://ours/comporta/warehouse"
    assert "canary" not in str(found) and "secret" not in str(found).lower() and "access.key" not in str(found)


def test_a_folder_changes_nothing_of_it(tmp_path: Path) -> None:
    assert "s3a" not in str(server.configuration(Settings(var_dir=tmp_path), [])).lower()
    assert storage.options(Settings(var_dir=tmp_path)) == {}


def test_aws_itself_is_spoken_to_by_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    aws = Settings(lake_url="s3://ours/comporta")
    told = {**storage.for_hadoop(aws), **storage.options(aws)}
    assert not [name for name in told if "endpoint" in name or "path.style" in name or "region" in name]
    assert s3.client(aws).meta.endpoint_url.endswith("amazonaws.com")


def test_jars_for_s3_are_fetched_only_for_s3() -> None:
    plain, with_s3 = jars.pinned(), jars.pinned(s3=True)
    assert plain.items() < with_s3.items()
    assert "org.apache.hadoop:hadoop-aws:3.5.0" in with_s3.keys() - plain.keys()
    assert not [name for name in with_s3 if ":bundle:" in name or "io.netty" in name]
    assert all(len(digest) == 64 for digest in with_s3.values())


def test_a_catalog_of_one_lake_is_not_used_for_another(tmp_path: Path) -> None:
    (tmp_path / "metastore" / "db").mkdir(parents=True)
    folder, bucket = Settings(var_dir=tmp_path), _PLAIN.model_copy(update={"var_dir": tmp_path})
    server._refuse_other_lake(folder)
    with pytest.raises(ServerError, match="has the catalog of the lake a folder.*Set VAR_DIR"):
        server._refuse_other_lake(bucket)
    (tmp_path / "metastore" / "lake").write_text(bucket.lake_url)
    server._refuse_other_lake(bucket)
    with pytest.raises(ServerError, match="s3://ours/comporta"):
        server._refuse_other_lake(folder)


def test_a_layer_has_a_place_of_its_own(tmp_path: Path) -> None:
    made = Settings(lake_url="s3://ours/lake", gold_url="s3://gold/lake/", var_dir=tmp_path)
    assert [candidate.location(made, layer, "t") for layer in ("bronze", "silver", "gold")] == [
        "s3://ours/lake/bronze/t",
        "s3://ours/lake/warehouse/silver_candidate.db/t",
        "s3://gold/lake/t",
    ]
    assert candidate.place(made, "dev_ana_gold", "t").startswith("s3://ours/lake/warehouse/"), "what people try out"
    (tmp_path / "metastore" / "db").mkdir(parents=True)
    (tmp_path / "metastore" / "lake").write_text("s3://ours/lake")
    with pytest.raises(ServerError, match="has the catalog of the lake s3://ours/lake .*gold in s3://gold/lake"):
        server._refuse_other_lake(made)
    with pytest.raises(ServerError, match="has the catalog of the lake"):
        server._refuse_other_lake(Settings(lake_url=str(tmp_path), gold_url="/elsewhere/gold", var_dir=tmp_path))


@pytest.mark.parametrize(
    "said",
    [{"silver_url": "/data/silver"}, {"gold_url": "s3://ours/lake/gold"}, {"silver_url": "s3://x/y", "gold_url": "s3://x/y"}],
    ids=str,
)
def test_a_place_that_does_not_go_with_the_lake_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="_URL"):
        Settings(lake_url="s3://ours/lake", **said)


def test_credentials_are_made_once_in_a_file_of_their_owner(tmp_path: Path) -> None:
    made = Settings(store="s3", var_dir=tmp_path)
    assert seaweedfs._credentials(made) == seaweedfs._credentials(made)
    assert (seaweedfs._identity(made).stat().st_mode & 0o777) == 0o600
    assert seaweedfs._credentials(Settings(store="s3", var_dir=tmp_path / "b")) != seaweedfs._credentials(made)


@pytest.mark.parametrize(
    "error",
    [
        OSError("Kernel error -> Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing GET http://u:canary@h/b/k after 12 retries"),
        ConnectionClosedError(endpoint_url="http://h/b/k"),
        ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"),
        ServerError("Spark", "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file s3a://b/k/1.json.  SQLSTATE: KD001"),
        ServerError("Spark", "org.apache.hadoop.fs.s3a.AWSStatus500Exception: PUT on x: software.amazon.awssdk.services.s3.model"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_the_store_are_told_as_such(error: Exception) -> None:
    told = s3.failure(_PLAIN, error)
    assert isinstance(told, StorageError) and told.exit_code == 5
    assert str(told).startswith("s3://ours/comporta: can't be read or written: ") and "run again" in str(told)
    assert "\x1b" not in str(told) and "\n" not in str(told) and "canary" not in str(told)


@pytest.mark.parametrize(
    "error",
    [
        ServerError("Spark", "[PARSE]", remedy="The statement was: writing rows to s3a://b"),
        ValueError("no"),
        LockError("the lake", "is held"),
        StorageError("s3://b", "is away"),
        SettingsError("A", "b"),
    ],
)
def test_other_errors_are_not(error: Exception) -> None:
    assert s3.failure(_PLAIN, error) is None


def test_the_status_of_an_error_without_an_answer_is_none() -> None:
    assert s3.status(ConnectionClosedError(endpoint_url="http://h")) == 0
    assert s3.status(ClientError({"ResponseMetadata": {"HTTPStatusCode": 412}}, "PutObject")) == 412


class _Buckets:
    """A store; one that ignores conditions, or one that keeps them."""

    def __init__(self, ignores: bool, refuses: int = 412) -> None:
        self.ignores, self.refuses, self.there = ignores, refuses, set[str]()

    def head_bucket(self, Bucket: str) -> None:  # noqa: N803 - boto's
        """Is there."""

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:  # noqa: N803
        if not self.ignores and (Key in self.there or self.refuses == 403):
            raise ClientError({"ResponseMetadata": {"HTTPStatusCode": self.refuses}}, "PutObject")
        self.there.add(Key)


@pytest.mark.parametrize("refuses", [412, 409, 403])
def test_a_store_that_keeps_conditions_is_taken(monkeypatch: pytest.MonkeyPatch, refuses: int) -> None:
    buckets = _Buckets(ignores=False, refuses=refuses)
    monkeypatch.setattr(s3, "client", lambda settings: buckets)
    for _ in range(3):
        machine.check(_PLAIN)


def test_a_store_that_ignores_conditions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = _Buckets(ignores=True)
    monkeypatch.setattr(s3, "client", lambda settings: buckets)
    for _ in range(2):
        with pytest.raises(StorageError, match="was written though it is there.*keeps If-None-Match.*Use another store"):
            machine.check(_PLAIN)
