"""What Glue says is what was released: against moto's S3 and Glue, with tables that delta-rs writes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.dataset
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner
from deltalake import DeltaTable, write_deltalake
from ports import free_ports
from pyarrow.fs import S3FileSystem

from comporta import cli, pipeline
from comporta.run import Run
from lakehouse import dbt
from lakehouse.errors import CatalogError, GateError, SettingsError
from lakehouse.servers import process
from lakehouse.settings import Settings
from lakehouse.store import storage
from lakehouse.tables import candidate, ledger, released
from releases import athena, glue, release

_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}


class Aws:
    """A lake with silver and gold in moto."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.glue, self.s3 = (boto3.client(name, endpoint_url=settings.aws_endpoint_url) for name in ("glue", "s3"))

    def write(self, layer: str, table: str, rows: dict[str, list[Any]], **how: Any) -> int:
        place = candidate.location(self.settings, layer, table)
        write_deltalake(
            place, pa.table(rows), mode=how.pop("mode", "append"), storage_options=storage.options(self.settings), **how
        )
        return DeltaTable(place, storage_options=storage.options(self.settings)).version()

    def release(self, number: int, layer: str, tables: dict[str, int]) -> None:
        """Note a release as `release.publish` does; the views, for which Spark is needed, are not of interest here."""
        said = {"release_id": number, "layer": layer, "kind": "release", "status": "published", "note": ""}
        ledger.append(self.settings, "releases", [said | {"tables": json.dumps(tables)}])

    def tables(self, layer: str) -> dict[str, dict[str, Any]]:
        held = self.glue.get_tables(DatabaseName=glue.database(self.settings, layer))["TableList"]
        return {entry["Name"]: entry for entry in held}

    def versions(self, layer: str) -> dict[str, int]:
        return {name: int(entry["Parameters"][athena.VERSION]) for name, entry in self.tables(layer).items()}

    def manifests(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket="lake", Prefix="shop/athena/").get("Contents", [])
        return [one["Key"] for one in found]

    def files(self, layer: str, table: str) -> list[str]:
        """What Athena would read: the lines of the manifest in the table's location."""
        place = self.tables(layer)[table]["StorageDescriptor"]["Location"]
        assert place.startswith("s3://lake/") and place.endswith("/")
        prefix = place.removeprefix("s3://lake/")
        [manifest] = self.s3.list_objects_v2(Bucket="lake", Prefix=prefix)["Contents"]
        return self.s3.get_object(Bucket="lake", Key=manifest["Key"])["Body"].read().decode().splitlines()

    def read(self, layer: str, table: str) -> list[dict[str, Any]]:
        """The rows of those files, read as Parquet by column name, as Athena does."""
        store = S3FileSystem(endpoint_override=self.settings.aws_endpoint_url)
        paths = [file.removeprefix("s3://") for file in self.files(layer, table)]
        found = pyarrow.dataset.dataset(paths, filesystem=store, format="parquet").to_table()
        return sorted(found.to_pylist(), key=str)

    def truth(self, layer: str, table: str, version: int) -> list[dict[str, Any]]:
        place = candidate.location(self.settings, layer, table)
        found = DeltaTable(place, version=version, storage_options=storage.options(self.settings)).to_pyarrow_table()
        return sorted(found.to_pylist(), key=str)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto in a process of its own: delta-rs holds Python's lock while it waits for an answer."""
    [port] = free_ports(1)
    made = subprocess.Popen(
        [sys.executable, "-c", f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in process.wait(60):
            if process.listening(port):
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        made.kill()
        made.wait()


@pytest.fixture
def aws(endpoint: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    made = Aws(
        Settings(lake_url="s3://lake/shop", aws_endpoint_url=endpoint, glue_prefix="comporta", var_dir=tmp_path, kept_releases=2)
    )
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)
    made.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return made


@pytest.fixture
def shop(aws: Aws) -> Aws:
    """Silver and gold with one release each; gold's table has two versions, of which the second is released."""
    aws.write("silver", "int_orders__current", {"order_id": [1, 2], "tags": [["a"], []]})
    aws.write("gold", "fct_orders", {"order_id": [1]})
    assert aws.write("gold", "fct_orders", {"order_id": [2]}) == 1
    aws.write("gold", "dim_dates", {"calendar_year": [2025]})
    aws.release(1, "silver", {"int_orders__current": 0})
    aws.release(2, "gold", {"fct_orders": 1, "dim_dates": 0})
    glue.register(aws.settings)
    return aws


def calls(monkeypatch: pytest.MonkeyPatch, then: Callable[[str, dict[str, Any]], None] = lambda name, given: None) -> list[str]:
    """Names of the calls to AWS from here on, each shown to `then` before it is sent."""
    from botocore.client import BaseClient

    made: list[str] = []
    send = BaseClient._make_api_call

    def sent(self: Any, name: str, given: dict[str, Any]) -> Any:
        made.append(name)
        then(name, given)
        return send(self, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", sent)
    return made


def test_what_is_registered_is_what_was_released(shop: Aws) -> None:
    assert (shop.versions("silver"), shop.versions("gold")) == ({"int_orders__current": 0}, {"fct_orders": 1, "dim_dates": 0})
    entry = shop.tables("gold")["fct_orders"]
    assert entry["Parameters"][athena.RELEASE] == "2"
    assert entry["Description"] == dbt_words("fct_orders")
    held = entry["StorageDescriptor"]
    assert held["InputFormat"].endswith("SymlinkTextInputFormat") and held["SerdeInfo"]["SerializationLibrary"].endswith(
        "ParquetHiveSerDe"
    )
    [column] = held["Columns"]
    assert (column["Name"], column["Type"]) == ("order_id", "bigint") and column["Comment"]
    assert shop.tables("silver")["int_orders__current"]["StorageDescriptor"]["Columns"][1]["Type"] == "array<string>"


def dbt_words(model: str) -> str:
    return glue.descriptions()[model].table


def test_readers_get_exactly_the_released_rows_while_the_table_moves_on(shop: Aws) -> None:
    shop.write("gold", "fct_orders", {"order_id": [3]})  # a candidate that no gate has seen
    assert shop.read("gold", "fct_orders") == [{"order_id": 1}, {"order_id": 2}] == shop.truth("gold", "fct_orders", 1)
    place = candidate.location(shop.settings, "gold", "fct_orders")
    DeltaTable(place, storage_options=storage.options(shop.settings)).delete("order_id = 1")
    assert shop.read("gold", "fct_orders") == [{"order_id": 1}, {"order_id": 2}]


def test_again_changes_nothing(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    before, listed = shop.tables("gold"), shop.manifests()
    made = calls(monkeypatch)
    assert [(one.switched, one.removed, one.pruned) for one in glue.register(shop.settings)] == [([], [], 0)] * 2
    assert set(made) == {"GetTables", "ListObjectsV2"}
    monkeypatch.undo()
    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    assert (shop.tables("gold"), shop.manifests()) == (before, listed)


def test_the_next_release_moves_and_a_rollback_points_back(shop: Aws) -> None:
    first = shop.files("gold", "fct_orders")
    shop.write("gold", "fct_orders", {"order_id": [9], "note": ["new"]}, mode="overwrite", schema_mode="overwrite")
    shop.release(3, "gold", {"fct_orders": 2, "dim_dates": 0})
    [done] = glue.register(shop.settings, "gold")
    assert sorted(done.switched) == ["dim_dates", "fct_orders"]  # the one for its release's number alone
    assert shop.read("gold", "fct_orders") == [{"order_id": 9, "note": "new"}]
    assert [column["Name"] for column in shop.tables("gold")["fct_orders"]["StorageDescriptor"]["Columns"]] == ["order_id", "note"]
    shop.release(4, "gold", {"fct_orders": 1, "dim_dates": 0})
    glue.register(shop.settings, "gold")
    assert shop.files("gold", "fct_orders") == first
    assert shop.tables("gold")["fct_orders"]["Parameters"][athena.RELEASE] == "4"


def test_a_table_that_is_no_longer_released_goes_and_one_of_somebody_else_stays(shop: Aws) -> None:
    shop.glue.create_table(DatabaseName="comporta_gold", TableInput={"Name": "of_an_analyst"})
    other = {"Name": "of_another_lake", "Parameters": {athena.OURS: "s3://other/lake"}}
    shop.glue.create_table(DatabaseName="comporta_gold", TableInput=other)
    shop.release(3, "gold", {"fct_orders": 1})
    [done] = glue.register(shop.settings, "gold")
    assert done.removed == ["dim_dates"]
    assert set(shop.tables("gold")) == {"fct_orders", "of_an_analyst", "of_another_lake"}


def test_a_name_that_somebody_else_has_is_left_to_them(shop: Aws) -> None:
    shop.glue.create_table(DatabaseName="comporta_gold", TableInput={"Name": "rpt_new", "Description": "mine"})
    shop.write("gold", "rpt_new", {"a": [1]})
    shop.release(3, "gold", {"fct_orders": 1, "dim_dates": 0, "rpt_new": 0})
    with pytest.raises(CatalogError, match="rpt_new is there and not of this lake"):
        glue.register(shop.settings)
    assert shop.tables("gold")["rpt_new"]["Description"] == "mine"
    assert shop.tables("gold")["fct_orders"]["Parameters"][athena.RELEASE] == "3"


def test_a_failure_half_way_leaves_the_old_manifest_and_the_next_try_finishes(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    old = shop.files("gold", "dim_dates"), shop.files("gold", "fct_orders")
    for table in ("fct_orders", "dim_dates"):
        shop.write("gold", table, {"order_id" if table == "fct_orders" else "calendar_year": [7]})
    shop.release(3, "gold", {"fct_orders": 2, "dim_dates": 1})

    def refuse_dates(name: str, given: dict[str, Any]) -> None:
        if name == "UpdateTable" and given["TableInput"]["Name"] == "dim_dates":
            raise ClientError({"Error": {"Code": "InternalServiceException", "Message": "not today"}}, name)

    def refuse_manifests(name: str, given: dict[str, Any]) -> None:
        if name == "PutObject" and "dim_dates" in given["Key"]:
            raise EndpointConnectionError(endpoint_url="https://s3")

    for refusal, switched in ((refuse_manifests, 1), (refuse_dates, 2)):
        with monkeypatch.context() as patched:
            calls(patched, refusal)
            with pytest.raises(CatalogError) as told:
                glue.register(shop.settings, "gold")
        assert told.value.exit_code == 12 and "release 3 of gold stands" in str(told.value)
        assert shop.files("gold", "dim_dates") == old[0]
        assert shop.versions("gold") == {"fct_orders": switched, "dim_dates": 0}
    glue.register(shop.settings, "gold")
    assert shop.versions("gold") == {"fct_orders": 2, "dim_dates": 1}
    assert shop.read("gold", "dim_dates") == [{"calendar_year": 2025}, {"calendar_year": 7}]


def test_every_manifest_is_there_before_any_table_moves(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for table, column in (("fct_orders", "order_id"), ("dim_dates", "calendar_year")):
        shop.write("gold", table, {column: [7]})
    shop.release(3, "gold", {"fct_orders": 2, "dim_dates": 1})
    made = calls(monkeypatch)
    glue.register(shop.settings, "gold")
    moved = [name for name in made if name in ("PutObject", "UpdateTable")]
    assert moved == ["PutObject", "PutObject", "UpdateTable", "UpdateTable"]


def test_manifests_are_kept_as_long_as_their_releases(shop: Aws) -> None:
    for number in range(3, 6):
        shop.write("gold", "fct_orders", {"order_id": [number]})
        shop.release(number, "gold", {"fct_orders": number - 1, "dim_dates": 0})
        glue.register(shop.settings)
    kept = sorted(key.split("/")[3:5] for key in shop.manifests() if "/gold/" in key)
    assert [(table, folder.partition("-")[0]) for table, folder in kept] == [
        ("dim_dates", "0"),
        ("fct_orders", "3"),
        ("fct_orders", "4"),
    ]


def test_a_table_without_rows_is_an_empty_manifest(aws: Aws) -> None:
    schema = pa.schema([("a", pa.int64())])
    DeltaTable.create(candidate.location(aws.settings, "gold", "t"), schema, storage_options=storage.options(aws.settings))
    aws.release(1, "gold", {"t": 0})
    glue.register(aws.settings)
    assert aws.files("gold", "t") == []


def test_a_table_made_anew_with_the_same_version_has_a_manifest_of_its_own(shop: Aws) -> None:
    before = shop.files("gold", "dim_dates")
    for found in shop.s3.list_objects_v2(Bucket="lake", Prefix="shop/warehouse/gold_candidate.db/dim_dates/")["Contents"]:
        shop.s3.delete_object(Bucket="lake", Key=found["Key"])
    assert shop.write("gold", "dim_dates", {"calendar_year": [1999]}) == 0
    shop.release(3, "gold", {"fct_orders": 1, "dim_dates": 0})
    glue.register(shop.settings)
    assert shop.files("gold", "dim_dates") != before and shop.read("gold", "dim_dates") == [{"calendar_year": 1999}]


def test_a_release_that_athena_would_read_wrong_is_refused_before_it_is_noted(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("gold", "rpt_parts", {"a": [1], "p": ["x"]}, partition_by=["p"])
    monkeypatch.setattr(release, "recover", lambda settings: [])
    monkeypatch.setattr(release, "_finish", lambda settings, made: made)
    versions = {"fct_orders": 1, "dim_dates": 0, "rpt_parts": 0}
    with pytest.raises(GateError, match=r"rpt_parts: partition columns p\. Cluster the table"):
        release.publish(shop.settings, "gold", versions)
    assert [made.release_id for made in released.history(shop.settings)] == [1, 2]
    without = shop.settings.model_copy(update={"glue_prefix": None})
    assert release.publish(without, "gold", versions).release_id == 3


def test_what_was_released_without_glue_and_can_t_be_read_is_named_and_the_rest_goes_on(shop: Aws) -> None:
    shop.write("gold", "rpt_parts", {"a": [1], "p": ["x"]}, partition_by=["p"])
    shop.release(3, "gold", {"fct_orders": 1, "dim_dates": 0, "rpt_parts": 0, "gone": 5})
    with pytest.raises(CatalogError, match="rpt_parts: partition columns p") as told:
        glue.register(shop.settings)
    assert "gone: version 5 can't be opened" in str(told.value)
    assert {entry["Parameters"][athena.RELEASE] for entry in shop.tables("gold").values()} == {"3"}


def test_without_the_setting_nothing_is_asked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.release(1, "gold", {"t": 0})
    made = calls(monkeypatch)
    assert glue.register(aws.settings.model_copy(update={"glue_prefix": None})) == [] == made


def test_a_lake_in_a_folder_is_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"GLUE_PREFIX: is set, and the lake is .* \(wanted: a lake on S3"):
        Settings(glue_prefix="comporta")


def test_the_command(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glue, "load", lambda: shop.settings)
    shop.glue.delete_table(DatabaseName="comporta_gold", Name="dim_dates")
    done = CliRunner().invoke(cli.cli, ["glue"], catch_exceptions=False)
    assert done.exit_code == 0
    assert shop.versions("gold") == {"fct_orders": 1, "dim_dates": 0}
    monkeypatch.setattr(glue, "load", lambda: shop.settings.model_copy(update={"glue_prefix": None}))
    with pytest.raises(SettingsError, match="GLUE_PREFIX: is not set"):
        cli.cli.main(["glue"], standalone_mode=False)


def test_a_run_goes_on_to_gold_when_glue_fails_after_silver_and_says_so_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[str] = []
    late = CatalogError("Glue", "is away")
    monkeypatch.setattr(pipeline, "_ingest", lambda run: None)
    monkeypatch.setattr(pipeline, "_promote", lambda run, layer: went.append(layer))
    monkeypatch.setattr(dbt, "run_moved", lambda settings, layer: None)
    monkeypatch.setattr(dbt, "note_built", lambda settings, layer: None)
    monkeypatch.setattr(glue, "follow", lambda settings, layer: late if layer == "silver" else None)
    with pytest.raises(CatalogError) as told:
        pipeline._run_layers(Run(Settings(), "run", number=1))
    assert told.value is late and went == ["bronze", "silver", "gold"]


def test_a_failure_is_told_at_once_and_kept_for_the_end(shop: Aws, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def away(name: str, given: dict[str, Any]) -> None:
        if name == "GetTables":
            raise EndpointConnectionError(endpoint_url="https://glue")

    shop.release(3, "gold", {"fct_orders": 1})
    calls(monkeypatch, away)
    assert isinstance(glue.follow(shop.settings, "gold"), CatalogError)
    said = " ".join(capsys.readouterr().err.split())
    assert "release 3 of gold stands" in said and "make glue" in said
