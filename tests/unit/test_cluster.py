"""What Spark is told of where its tasks run: partitions by cores, a secret that stands in no argument, and a user's own word first."""

import os
import stat
from pathlib import Path

import pytest

from lakehouse.servers import cluster, server
from lakehouse.settings import Settings

SECRET = "s3cr3t: of=the\\ cluster #é!"  # noqa: S105


def settings(**said: object) -> Settings:
    return Settings.model_validate({"var_dir": Path("/nonexistent"), **said})


@pytest.mark.parametrize(
    ("master", "partitions"), [("local", 8), ("local[2]", 8), ("local[4]", 8), ("local[16]", 32), ("local[96, 4]", 192)]
)
def test_partitions_follow_the_cores(master: str, partitions: int) -> None:
    assert cluster.configuration(settings(spark_master=master), [])["spark.sql.shuffle.partitions"] == str(partitions)


@pytest.mark.parametrize(("cores", "partitions"), [(2, 8), (64, 128), (None, 8)])
def test_all_cores_are_those_of_this_machine(monkeypatch: pytest.MonkeyPatch, cores: int | None, partitions: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert cluster.configuration(settings(), [])["spark.sql.shuffle.partitions"] == str(partitions)


def test_a_cluster_has_its_own_number() -> None:
    assert "spark.sql.shuffle.partitions" not in server.configuration(settings(spark_master="spark://10.0.0.1:7077"), [])


def test_cores_that_a_cluster_is_bounded_to_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.cores.max 64\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    conf = cluster.configuration(settings(spark_master="spark://10.0.0.1:7077"), [])
    assert conf["spark.sql.shuffle.partitions"] == "128"


def test_what_a_user_has_said_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "# ours\nspark.sql.shuffle.partitions 400\nspark.driver.port=9000\n\nspark.eventLog.enabled\n"
    )
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert "spark.sql.shuffle.partitions" not in server.configuration(settings(), [])
    conf = cluster.configuration(settings(spark_master="spark://10.0.0.1:7077"), [])
    assert "spark.driver.port" not in conf and conf["spark.blockManager.port"] == "7100"


def test_the_secret_is_in_a_file_of_its_own_while_the_server_starts(tmp_path: Path) -> None:
    known = settings(spark_master="spark://10.0.0.1:7077", spark_secret=SECRET, var_dir=tmp_path)
    with cluster.secret_file(known) as options:
        path = Path(options[1])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        name, _, value = path.read_text().strip().partition(" ")
        assert (name, value.encode().decode("unicode_escape")) == ("spark.authenticate.secret", SECRET)
        assert SECRET not in str(server._command(known, options)) + str(server._environment(known))
    assert not path.exists()
    conf = server.configuration(known, [])
    assert conf["spark.authenticate"] == conf["spark.network.crypto.enabled"] == "true"


def test_without_a_secret_there_is_no_file(tmp_path: Path) -> None:
    with cluster.secret_file(settings(var_dir=tmp_path)) as options:
        assert options == []


def test_an_open_cluster_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    cluster.warn_of_open(settings())
    cluster.warn_of_open(settings(spark_master="spark://127.0.0.1:7077"))
    cluster.warn_of_open(settings(spark_master="spark://10.0.0.1:7077", spark_secret=SECRET))
    assert capsys.readouterr() == ("", "")
    cluster.warn_of_open(settings(spark_master="spark://10.0.0.1:7077"))
    assert "Set SPARK_SECRET" in "".join(capsys.readouterr())


def test_tasks_stage_on_the_volume_and_not_in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert server._environment(settings(var_dir=tmp_path))["TMPDIR"] == str(tmp_path / "tmp")
    monkeypatch.setenv("TMPDIR", "/fast")
    assert server._environment(settings(var_dir=tmp_path))["TMPDIR"] == "/fast"
