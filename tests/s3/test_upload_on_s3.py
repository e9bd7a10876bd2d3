"""`upload` on a real S3 server: parts, going on after a kill, conditions, refusals; the store's own checksums are what is believed."""

import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import canary
import in_process
import pytest
from faulty import Plan, Proxy

from lakehouse.errors import SourceError, StorageError
from lakehouse.settings import ROOT, Settings
from lakehouse.store import content, raw_bucket, s3, storage
from lakehouse.store.raw_bucket import RawBucket

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PLACE = "raw/local/csv/big/2022/05/02/big.csv"
_PARTS, _SIZE = 5, 5 * 2**20  # as small as S3 has them
_WORDS = ("upload", "--source", "local", "--date", "2022-05-02")


@pytest.fixture
def lake(store: Settings, request: pytest.FixtureRequest) -> Settings:
    """A lake of the test's own."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:10]
    return store.model_copy(update={"lake_url": f"s3://comporta/upload-{name}"})


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of some parts, the last one short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(content, "PART", _SIZE)
    (tmp_path / "big.csv").write_bytes(random.Random(1).randbytes((_PARTS - 1) * _SIZE + 12_345))
    (tmp_path / "small.csv").write_text("id|title\n1|A\n")
    return tmp_path / "big.csv"


def variables(lake: Settings, folder: Path) -> dict[str, str]:
    where = {"LAKE_URL": lake.lake_url, "AWS_ENDPOINT_URL": str(lake.aws_endpoint_url), "VAR_DIR": str(folder / "var")}
    return os.environ | where | {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def run(lake: Settings, tmp_path: Path) -> Run:
    """Runs `comporta upload …`."""

    def call(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        done = in_process.comporta(variables(lake, tmp_path) | more, *_WORDS, *words)
        assert canary.seen(done.stdout + done.stderr) == set()
        return done

    return call


def listed(lake: Settings) -> list[str]:
    """Keys below the lake, but for the mark that a store keeps conditions."""
    bucket, prefix = s3.split(lake.lake_url)
    found = s3.client(lake).list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    return [name for each in found if not (name := each["Key"].removeprefix(f"{prefix}/")).startswith("_lease/")]


def uploads(lake: Settings) -> list[Any]:
    """Uploads in parts that are not at their end."""
    bucket, prefix = s3.split(lake.lake_url)
    found = s3.client(lake).list_multipart_uploads(Bucket=bucket, Prefix=f"{prefix}/")
    return [each for each in found.get("Uploads", []) if each["Key"].startswith(prefix)]


def head(lake: Settings, place: str) -> Any:
    bucket, key = s3.split(storage.join(lake.lake_url, place))
    return s3.client(lake).head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")


def read(lake: Settings, place: str) -> bytes:
    return storage.read(lake, storage.join(lake.lake_url, place))


def put(lake: Settings, place: str, body: bytes) -> None:
    bucket, key = s3.split(storage.join(lake.lake_url, place))
    s3.client(lake).put_object(Bucket=bucket, Key=key, Body=body)


def refused(done: "subprocess.CompletedProcess[str]", *said: str) -> None:
    assert done.returncode == 5, done
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("✗ "), done.stderr
    for each in said:
        assert each in done.stderr, done.stderr


def test_a_file_of_many_parts_is_kept_with_its_checksums(run: Run, lake: Settings, big: Path) -> None:
    done = run("big.csv", "small.csv")
    assert done.returncode == 0, done.stderr
    small = PLACE.replace("big", "small")
    assert listed(lake) == [PLACE, small] and uploads(lake) == []
    found, body = head(lake, PLACE), big.read_bytes()
    assert read(lake, PLACE) == body
    assert found["Metadata"] == {"sha256": hashlib.sha256(body).hexdigest()}
    parts = [hashlib.sha256(body[at : at + _SIZE]).digest() for at in range(0, len(body), _SIZE)]
    composite = base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
    assert found["ChecksumSHA256"] == f"{composite}-{_PARTS}"
    assert head(lake, small)["Metadata"]["sha256"] == hashlib.sha256(read(lake, small)).hexdigest()


def test_the_same_content_again_sends_nothing(run: Run, lake: Settings, big: Path, proxy: Proxy) -> None:
    run("big.csv", "small.csv")
    before = [head(lake, place)["LastModified"] for place in listed(lake)]
    proxy.behave(Plan())
    done = run("big.csv", "small.csv", AWS_ENDPOINT_URL=proxy.url)
    seen = proxy.behave(Plan()).seen
    assert done.returncode == 0 and done.stdout.count("is there already, the same: s3://comporta/upload-") == 2
    assert not {"PUT part", "POST multipart"} & seen.keys() and seen.get("PUT", 0) <= 2, seen  # of _lease/conditions
    assert [head(lake, place)["LastModified"] for place in listed(lake)] == before


def test_another_content_is_refused_and_left_as_it_is(run: Run, lake: Settings, big: Path) -> None:
    run("small.csv")
    place = PLACE.replace("big", "small")
    old = hashlib.sha256((big.parent / "small.csv").read_bytes()).hexdigest()
    (big.parent / "small.csv").write_text("id|title\n1|B\n")
    new = hashlib.sha256((big.parent / "small.csv").read_bytes()).hexdigest()
    refused(run("small.csv"), f"{place}: holds another content", old[:16], new[:16], "Nothing is overwritten")
    assert hashlib.sha256(read(lake, place)).hexdigest() == old


def test_an_object_of_others_is_compared_by_its_bytes(run: Run, lake: Settings, big: Path) -> None:
    """It has no hash of ours."""
    put(lake, PLACE, big.read_bytes())
    assert "is there already, the same" in run("big.csv").stdout
    put(lake, PLACE, b"x")
    refused(run("big.csv"), "of 1 B;")


@pytest.mark.parametrize("name", ["big.csv", "small.csv"])
@pytest.mark.parametrize("same", [True, False])
def test_what_another_has_put_there_meanwhile_is_not_overwritten(
    run: Run, lake: Settings, big: Path, monkeypatch: pytest.MonkeyPatch, name: str, same: bool
) -> None:
    """The store's condition decides, not our look at it."""
    other, place = (
        (big.parent / name).read_bytes() if same else b"other",
        PLACE.replace("big.csv", name).replace("big/", f"{name[:-4]}/"),
    )
    real = RawBucket.create

    def create(self: RawBucket, *given: Any) -> bool:
        put(lake, place, other)
        return real(self, *given)

    monkeypatch.setattr(RawBucket, "create", create)
    done = run(name)
    if same:
        assert done.returncode == 0 and "is there already, the same" in done.stdout
    else:
        refused(done, "holds another content")
    assert read(lake, place) == other and listed(lake) == [place] and uploads(lake) == []


# Sends three parts, says so, and waits to be killed.
_THREE = """
import sys, time
from lakehouse.store import content, raw_bucket
from lakehouse.store.content import Content
content.PART, raw_bucket._AT_ONCE = 5 * 2**20, 1
real = Content.read
def read(self, part):
    if part.number == 4:
        print("three are there", flush=True)
        time.sleep(600)
    return real(self, part)
Content.read = read
from comporta.cli import main
main(sys.argv[1:])
"""


def test_an_upload_that_is_killed_is_gone_on_with(run: Run, lake: Settings, big: Path, proxy: Proxy) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _THREE, *_WORDS, "big.csv"]
    with subprocess.Popen(command, cwd=big.parent, env=variables(lake, big.parent), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "three are there\n"
        process.send_signal(signal.SIGKILL)
    [left] = uploads(lake)
    there = s3.client(lake).list_parts(Bucket="comporta", Key=left["Key"], UploadId=left["UploadId"])["Parts"]
    assert [each["PartNumber"] for each in there] == [1, 2, 3] and PLACE not in listed(lake)
    proxy.behave(Plan())
    done = run("big.csv", AWS_ENDPOINT_URL=proxy.url)
    assert done.returncode == 0, done.stderr
    assert proxy.behave(Plan()).seen["PUT part"] == _PARTS - 3
    assert read(lake, PLACE) == big.read_bytes()
    assert listed(lake) == [PLACE] and uploads(lake) == []


def _begun(lake: Settings, path: Path, body: bytes) -> None:
    """An upload of `path` that was broken off, whose second part is `body`."""
    kept, bucket = RawBucket(lake), "comporta"
    url = storage.join(lake.lake_url, PLACE)
    with content.opened(path) as found:
        upload, there = kept._begin(kept._note(url, found), url, found)
    assert there == {}
    s3.client(lake).upload_part(Bucket=bucket, Key=s3.split(url)[1], UploadId=upload, PartNumber=2, Body=body)


@pytest.mark.parametrize("whole", [True, False])
def test_a_part_that_is_there_is_believed_by_its_checksum_alone(
    run: Run, lake: Settings, big: Path, proxy: Proxy, whole: bool
) -> None:
    good = big.read_bytes()[_SIZE : 2 * _SIZE]
    _begun(lake, big, good if whole else good[:-1] + bytes([good[-1] ^ 1]))
    proxy.behave(Plan())
    assert run("big.csv", AWS_ENDPOINT_URL=proxy.url).returncode == 0
    assert proxy.behave(Plan()).seen["PUT part"] == _PARTS - whole
    assert read(lake, PLACE) == big.read_bytes()


def test_an_upload_that_the_buckets_rule_has_removed_is_begun_anew(run: Run, lake: Settings, big: Path) -> None:
    _begun(lake, big, b"x")
    [left] = uploads(lake)
    s3.client(lake).abort_multipart_upload(Bucket="comporta", Key=left["Key"], UploadId=left["UploadId"])
    assert run("big.csv").returncode == 0
    assert read(lake, PLACE) == big.read_bytes() and listed(lake) == [PLACE] and uploads(lake) == []


@pytest.mark.parametrize("text", ["", "[]", '{"upload": 1}', json.dumps({"upload": "no"})])
def test_a_note_that_is_none_is_no_harm(run: Run, lake: Settings, big: Path, text: str) -> None:
    with content.opened(big) as found:
        note = RawBucket(lake)._note(storage.join(lake.lake_url, PLACE), found)
    put(lake, note.removeprefix(f"{lake.lake_url}/"), text.encode())
    assert run("big.csv").returncode == 0
    assert listed(lake) == [PLACE] and uploads(lake) == []


@pytest.mark.parametrize("name", ["big.csv", "small.csv"])
def test_a_file_that_changes_while_it_is_sent_leaves_nothing(lake: Settings, big: Path, name: str) -> None:
    url, path = storage.join(lake.lake_url, PLACE), big.parent / name
    for change in (lambda: path.write_bytes(path.read_bytes()[:-1] + b"?"), lambda: path.write_bytes(path.read_bytes() + b"?")):
        with content.opened(path) as found, pytest.raises(SourceError, match="was changed while it was read"):
            change()
            RawBucket(lake).create(url, found, lambda _: None)
        assert listed(lake) == [] and uploads(lake) == []


def test_a_store_that_fails_in_between_keeps_it_whole(run: Run, lake: Settings, big: Path, proxy: Proxy) -> None:
    """Before and after it has acted: an answer that is lost is no reason to say that it is not there, or to send it twice."""
    proxy.behave(Plan(every=3, burst=1))
    done = run("big.csv", "small.csv", AWS_ENDPOINT_URL=proxy.url)
    counted = proxy.behave(Plan())
    assert done.returncode == 0, done.stderr
    assert sum(counted.failed.values()) >= 4, counted
    assert read(lake, PLACE) == big.read_bytes() and sorted(listed(lake)) == [PLACE, PLACE.replace("big", "small")]


def test_an_end_whose_answer_is_lost_is_an_end(run: Run, lake: Settings, big: Path, proxy: Proxy) -> None:
    proxy.behave(Plan(every=2, burst=1, kinds=("POST multipart",), faults=("reset after",)))  # creation, then the end
    done = run("big.csv", AWS_ENDPOINT_URL=proxy.url)
    assert proxy.behave(Plan()).failed == {"POST multipart: reset after": 1}
    assert done.returncode == 0 and "the same: s3://" in done.stdout
    assert read(lake, PLACE) == big.read_bytes() and listed(lake) == [PLACE] and uploads(lake) == []


def test_a_store_that_stays_away_is_named(run: Run, lake: Settings, big: Path, proxy: Proxy) -> None:
    proxy.behave(Plan(always="500", kinds=("PUT part",)))
    patience = s3.client
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "client", lambda settings, **_: patience(settings, attempts=2, patience=5))
        refused(run("big.csv", AWS_ENDPOINT_URL=proxy.url), lake.lake_url, "can't be read or written", "run again")
    proxy.behave(Plan())
    assert PLACE not in listed(lake)
    assert run("big.csv").returncode == 0 and uploads(lake) == []


def test_what_the_store_did_not_keep_is_found_out_and_removed(lake: Settings, big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own checksum says so, and so do its bytes."""
    url, real = storage.join(lake.lake_url, PLACE), RawBucket._put

    def put_and_spoil(self: RawBucket, *given: Any) -> bool:
        done = real(self, *given)
        put(lake, PLACE, b"spoilt it all")  # as long
        return done

    monkeypatch.setattr(RawBucket, "_put", put_and_spoil)
    with content.opened(big.parent / "small.csv") as found, pytest.raises(StorageError, match="did not keep what was sent"):
        RawBucket(lake).create(url, found, lambda _: None)
    assert listed(lake) == []


def test_a_store_without_checksums_is_read(lake: Settings, big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_bucket, "_evidence", lambda *_: iter([False]))
    asked: list[str] = []
    real = RawBucket._read
    monkeypatch.setattr(RawBucket, "_read", lambda self, url, tell: asked.append(url) or real(self, url, tell))
    url = storage.join(lake.lake_url, PLACE)
    with content.opened(big) as found:
        assert RawBucket(lake).create(url, found, lambda _: None)
    assert asked == [url]


def test_a_dry_run_writes_nothing(run: Run, lake: Settings, big: Path) -> None:
    done = run("big.csv", "--dry-run")
    assert f"big.csv would go to {lake.lake_url}/{PLACE}" in done.stdout
    bucket, prefix = s3.split(lake.lake_url)
    assert "Contents" not in s3.client(lake).list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/") and uploads(lake) == []


@pytest.mark.parametrize("words", [["small.csv"], ["small.csv", "--dry-run"]], ids=" ".join)
def test_a_bucket_that_is_not_there_is_named(run: Run, big: Path, words: list[str]) -> None:
    refused(run(*words, LAKE_URL="s3://nobodys/lake"), "s3://nobodys: does not exist")


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients with the credentials that a test gives, and none of them after it; boto3 asks for credentials once a process."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3._clients.clear()
    yield
    s3._clients.clear()


@pytest.mark.usefixtures("anew")
def test_credentials_that_are_refused_are_not_shown(run: Run, big: Path) -> None:
    done = run("small.csv", AWS_SECRET_ACCESS_KEY="of-somebody-else")
    refused(done, "s3://comporta: refuses these credentials")
    assert "of-somebody-else" not in done.stderr


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("name", ["big.csv", "small.csv"])
def test_who_may_only_read_is_told_what_is_wanted(run: Run, lake: Settings, big: Path, reader: dict[str, str], name: str) -> None:
    done = run(name, **reader)
    refused(done, lake.lake_url, "refuses these credentials", "s3:PutObject")
    assert reader["AWS_SECRET_ACCESS_KEY"] not in done.stderr
    s3._clients.clear()
    boto3.DEFAULT_SESSION = None
    assert listed(lake) == [] and uploads(lake) == []
