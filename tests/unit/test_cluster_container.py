"""What a container of the cluster's master or of a worker becomes: with the secret, which no argument shows."""

from pathlib import Path

import pytest

from docker import cluster as container
from lakehouse.errors import SettingsError
from lakehouse.servers import cluster


@pytest.mark.parametrize("what", ["master", "worker"])
def test_it_wants_what_the_driver_wants(what: str) -> None:
    words = container.command(what, "spark://10.0.0.1:7077", folder=Path("/disk"))
    assert {f"-D{name}={value}" for name, value in cluster.AUTHENTICATED.items()} <= set(words)
    assert words[-1] == "spark://10.0.0.1:7077" and not [word for word in words if "secret" in word]


def test_it_gets_the_secret_and_folders_on_the_disk() -> None:
    found = container.environment({"SPARK_SECRET": "hush", "AWS_REGION": "eu-west-1"}, Path("/disk"))
    assert (found["_SPARK_AUTH_SECRET"], found["AWS_REGION"], "SPARK_SECRET" in found) == ("hush", "eu-west-1", False)
    assert found["TMPDIR"] == found["SPARK_LOCAL_DIRS"] == "/disk"
    assert (Path(found["JAVA_HOME"]) / "bin" / "java").stat().st_mode & 0o111


def test_without_a_secret_it_does_not_start() -> None:
    with pytest.raises(SettingsError, match="SPARK_SECRET: is not set"):
        container.environment({}, Path("/disk"))


def test_the_ports_are_those_that_terraform_lets_through() -> None:
    text = (container.ROOT / "terraform/modules/workers/main.tf").read_text()
    for name in ("master", "worker"):
        port = container.command(name, folder=Path("/disk"))[container.command(name, folder=Path("/disk")).index("--port") + 1]
        assert f"{{ from = {port}, to = {port}," in " ".join(text.split())
    driver, blocks, executors = (int(port) for port in cluster._PORTS.values())
    assert f"from = {driver}, to = {blocks + 16}," in text and f"from = {executors}, to = {executors + 16}," in text
