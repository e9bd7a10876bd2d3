"""The image that uploads, built by a real engine, takes what lies in its volume to the bucket of compose.yaml's store, and nothing else."""

import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from image import report
from image.conftest import BASE, start_store, within
from image.engine import Ended, Engine
from image.stack import Stack

from lakehouse.settings import ROOT

pytestmark = pytest.mark.in_order
UPLOAD = "localhost/comporta-upload:tested"
_STORE = "upload-store"
_KEYS = {"S3_ACCESS_KEY": "imagetest", "S3_SECRET_KEY": "a-secret-of-the-image-s-test"}
_PLACE = "lake/raw/local/{}/2022/05/02/{}"
# SHA-256 of each object below lake/raw, by its key.
_LOOK = """
import boto3, hashlib, json
from botocore.config import Config
store = boto3.client("s3", endpoint_url="http://127.0.0.1:8333", config=Config(s3={"addressing_style": "path"}))
keys = [each["Key"] for each in store.list_objects_v2(Bucket="comporta", Prefix="lake/").get("Contents", [])]
read = lambda key: store.get_object(Bucket="comporta", Key=key)["Body"].read()
print(json.dumps({key: hashlib.sha256(read(key)).hexdigest() for key in keys if "/_lease/" not in key}))
"""


@dataclass(frozen=True)
class Volume:
    """A folder that becomes /data, and what runs on it."""

    engine: Engine
    folder: Path
    hosts: Path

    def upload(self, **variables: str) -> Ended:
        """Run compose.yaml's service as it stands there."""
        said = _KEYS | {"POSTGRES_PASSWORD": "none", "UPLOAD_FOLDER": str(self.folder)} | variables
        return self.engine.run(Stack(said, self.hosts).arguments("upload", UPLOAD, _STORE))

    def stored(self) -> dict[str, str]:
        """Key to SHA-256."""
        found: dict[str, str] = json.loads(within(self.engine, _STORE, "-c", _LOOK, environment=_AWS))
        return found


_AWS = {"AWS_ACCESS_KEY_ID": _KEYS["S3_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": _KEYS["S3_SECRET_KEY"], "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def volume(engine: Engine, base: float) -> Iterator[Volume]:
    """The image is built and the store runs, with its bucket."""
    began = time.monotonic()
    engine.build(ROOT, BASE, UPLOAD, "docker/upload/Dockerfile")
    report.note("build of the image that uploads", base + time.monotonic() - began)
    hosts = engine.folder / "upload-hosts"
    hosts.write_text("127.0.0.1 localhost comporta store\n")
    start_store(engine, Stack(_KEYS | {"POSTGRES_PASSWORD": "none"}, hosts), hosts, _STORE)
    where = {"AWS_ENDPOINT_URL": "http://127.0.0.1:8333", "LAKE_URL": "s3://comporta/lake"}
    within(engine, _STORE, "-m", "docker.bucket", environment=_AWS | where)
    folder = engine.folder / "data"
    folder.mkdir()
    for each in (engine.folder, folder):
        each.chmod(0o755)  # the image's user is another than root
    yield Volume(engine, folder, hosts)
    engine.podman("rm", "--force", "--time", "5", _STORE)


def test_the_image_has_what_uploads_and_no_more(engine: Engine, volume: Volume) -> None:
    config = engine.inspect(UPLOAD)["Config"]
    assert isinstance(config, dict)
    assert (config["User"], list(config["Volumes"])) == ("10001:10001", ["/data"])
    assert [name for name in config["Env"] if re.search("CERT|CA_BUNDLE|proxy|KEY|DSN|PASSWORD", name, re.I)] == []
    script = (
        "! command -v make gcc pip uv && ls wheels && find / -xdev -writable -not -type l 2> /dev/null; test ! -e /run/secrets/ca"
    )
    found = engine.run(["--network", "none", "--read-only", "--entrypoint", "sh", UPLOAD, "-c", script])
    assert found.code == 0, found.text
    assert not {"pyspark", "deltalake", "duckdb", "pip"} & {*found.text.split()} and "boto3" in found.text.split()
    writable = {
        line for line in found.text.splitlines() if line.startswith("/") and not re.match("/(proc|dev|sys|run/.cont)", line)
    }
    assert writable <= {"/data", "/tmp", "/var/tmp", "/run/lock"}, found.text
    assert report.note_above(engine, UPLOAD, BASE, "the image that uploads") < 150e6


def test_a_volume_without_files_is_said(volume: Volume) -> None:
    assert volume.upload() == Ended(
        2, "✗ FILES: finds no file by '/data/**' (wanted: one or more). Check the pattern; ** goes through folders.\n"
    )


def test_files_of_the_volume_are_in_the_bucket(volume: Volume) -> None:
    (volume.folder / "2022").mkdir()
    bodies = {
        "movies.csv": b"id|title\n1|A\n",
        "2022/séries 1.csv": b"id|title\n2|B\n",
        "big.csv.gz": random.Random(1).randbytes(20_000_000),
    }
    for name, body in bodies.items():
        (volume.folder / name).write_bytes(body)
    for each in volume.folder.rglob("*"):
        each.chmod(0o755)
    dry = volume.upload(DATE="2022-05-02", DRY_RUN="1")
    assert dry.code == 0 and dry.text.count(" would go to s3://comporta/lake/raw/local/csv/") == 3 and volume.stored() == {}
    done = volume.upload(DATE="2022-05-02")
    assert done.code == 0 and done.text.count("✓ ") == 3, done.text
    assert _KEYS["S3_SECRET_KEY"] not in done.text
    tag = hashlib.sha256("séries 1.csv".encode()).hexdigest()[:8]
    places = ["csv/movies", "csv/series_1", "csv/big"], ["movies.csv", f"séries_1-{tag}.csv", "big.csv.gz"]
    assert volume.stored() == {
        _PLACE.format(*place): hashlib.sha256(body).hexdigest() for *place, body in zip(*places, bodies.values(), strict=True)
    }


def test_again_it_is_no_work_and_another_content_is_refused(volume: Volume) -> None:
    before = volume.stored()
    (volume.folder / "movies.csv").write_bytes(b"id|title\n1|C\n")
    (volume.folder / "movies.csv").chmod(0o644)
    done = volume.upload(DATE="2022-05-02")
    assert done.code == 5 and done.text.count("is there already, the same") == 2, done.text
    assert "movies.csv: holds another content" in done.text and "1 of 3 files were not uploaded" in done.text
    assert volume.stored() == before


def test_the_pattern_is_a_variable(volume: Volume) -> None:
    shutil.rmtree(volume.folder / "2022")
    (volume.folder / "big.csv.gz").unlink()
    pattern = "Raw/{source:title}/{format:upper}/{entity:title}/{year}/{month}/{day}/{file}"
    assert volume.upload(DATE="2022-05-02", RAW_PATTERN=pattern).code == 0
    assert "lake/Raw/Local/CSV/Movies/2022/05/02/movies.csv" in volume.stored()
