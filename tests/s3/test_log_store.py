"""Commits of Spark on S3 are conditional: of two drivers that write one version at once, neither writes over the other."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest
from driver import Driver
from faulty import Plan, Proxy

from lakehouse.errors import ServerError
from lakehouse.servers import jars, scala
from lakehouse.settings import Settings
from lakehouse.store import s3, storage

_ROUNDS = 30  # with Delta's own store 65 to 75 of 80 were lost
_ROWS = 6  # of each driver


@pytest.fixture(scope="module")
def two(store: Settings) -> Iterator[list[Driver]]:
    """Two of them on one lake."""
    with Driver(store) as one, Driver(store) as other:
        yield [one, other]


def _text(settings: Settings, url: str) -> str:
    bucket, key = s3.split(url.replace("s3a://", "s3://"))
    return s3.client(settings).get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def test_of_two_drivers_that_commit_a_version_at_once_one_wins(two: list[Driver], store: Settings) -> None:
    for number in range(_ROUNDS):
        url, at_once = f"s3a://comporta/raced/{number:020d}.json", threading.Barrier(2)

        def write(name: int, url: str = url, at_once: threading.Barrier = at_once) -> str:
            at_once.wait()
            return two[name].write(url, f"by {name}")

        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(write, range(2)))
        assert Counter(said) == {"won": 1, "FileAlreadyExistsException": 1}, number
        assert _text(store, url) == f"by {said.index('won')}\n"


def test_a_version_that_is_there_stays(two: list[Driver], store: Settings) -> None:
    url = "s3a://comporta/there/00000000000000000000.json"
    assert two[0].write(url, "first") == "won"
    assert [each.write(url, "second") for each in two] == ["FileAlreadyExistsException"] * 2
    assert _text(store, url) == "first\n"


def test_a_commit_whose_answer_got_lost_is_ours(store: Settings, proxy: Proxy) -> None:
    """Made again it is refused, as another's would be."""
    with Driver(store.model_copy(update={"aws_endpoint_url": proxy.url})) as driver:
        proxy.behave(Plan(every=2, burst=1, faults=("500 after", "reset after"), kinds=("PUT",)))
        said = [driver.write(f"s3a://comporta/unheard/{number:020d}.json", str(number)) for number in range(12)]
        counted = proxy.behave(Plan())
    assert said == ["won"] * 12
    assert sum(counted.failed.values()) >= 6
    assert [_text(store, f"s3://comporta/unheard/{number:020d}.json") for number in range(12)] == [f"{n}\n" for n in range(12)]


@pytest.mark.slow
def test_two_spark_drivers_without_a_lease_lose_no_row(two: list[Driver], store: Settings) -> None:
    table = "delta.`s3a://comporta/fought for by Spark`"
    two[0].sql(f"create table {table} (writer int, number int) using delta")
    two[1].sql(f"select * from {table}")
    at_once = threading.Barrier(2)

    def write(name: int) -> int:
        at_once.wait()
        for number in range(_ROWS):
            two[name].sql(f"insert into {table} values ({name}, {number})")
        return _ROWS

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(write, range(2))) == [_ROWS, _ROWS]
    rows = two[0].sql(f"select writer, number from {table}")
    assert sorted((row.getInt(0), row.getInt(1)) for row in rows) == [(name, n) for name in range(2) for n in range(_ROWS)]


def test_it_is_compiled_where_the_jars_can_not_be_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = jars.ensure(jars.pinned(s3=True))
    monkeypatch.setattr(scala, "ROOT", tmp_path / "an image")
    made = scala.log_store(extra, tmp_path / "cache")
    assert made.parent == tmp_path / "cache" and [made] == list(made.parent.iterdir())
    assert f"{storage.LOG_STORE.replace('.', '/')}.class" in ZipFile(made).namelist()
    monkeypatch.setattr(scala, "_compile", None)
    assert scala.log_store(extra, tmp_path / "cache") == made
    with pytest.raises(TypeError):  # other jars, another one
        scala.log_store([*extra, Path("hadoop-aws-9.jar")], tmp_path / "cache")


def test_what_can_not_be_compiled_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = jars.ensure(jars.pinned(s3=True))
    broken = tmp_path / "Broken.scala"
    broken.write_text("class Broken extends io.delta.storage.NoSuchStore")
    monkeypatch.setattr(scala, "ROOT", tmp_path)
    with pytest.raises(ServerError, match=r"Broken.scala: could not be compiled: .*NoSuchStore"):
        scala._ensure(broken, extra, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
