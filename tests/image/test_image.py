"""The image does its work on S3 as docs/container.md says: no network but the store and the source, a root that can't be written,
a user without rights, what must be written on a volume or in memory. `make image-test`; minutes."""

import re
import time

import pytest
from image.engine import Ended, Engine
from image.report import note
from image.stack import Stack

from lakehouse.settings import ROOT

pytestmark = pytest.mark.in_order
_HEALTHY = 600.0  # seconds: a busy machine is no failure


def test_the_image_keeps_nothing_of_the_build(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]
    assert isinstance(config, dict)
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == (
        "10001:10001",
        ["/usr/bin/tini", "-g", "--"],
        ["docker/serve.sh"],
    )
    assert [name for name in config["Env"] if re.search("CERT|CA_BUNDLE|proxy|KEY|DSN|PASSWORD", name, re.I)] == []
    found = _alone(
        engine,
        image,
        "sh",
        "-c",
        "test ! -e /run/secrets/ca && ! command -v make gcc && find / -xdev -writable -not -type l 2> /dev/null",
    )
    writable = [line for line in found.text.splitlines() if not line.startswith(("/proc", "/dev", "/sys", "/run/.containerenv"))]
    assert set(writable) <= {"/var/lib/comporta", "/tmp", "/var/tmp", "/run/lock"}, found.text


def test_the_image_has_every_jar(engine: Engine, image: str) -> None:
    pinned = [
        line
        for line in (ROOT / "lakehouse" / "servers" / "jars.lock").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    found = _alone(engine, image, "sh", "-c", "ls var/jars/*.jar | wc -l")
    compiled = list((ROOT / "lakehouse" / "servers").glob("*.scala"))
    assert found == Ended(0, f"{len(pinned) + len(compiled)}\n")


def test_the_bucket_is_made(engine: Engine, image: str, stack: Stack) -> None:
    assert engine.run(stack.arguments("bucket", image, "store")) == Ended(0, "")
    assert engine.run(stack.arguments("bucket", image, "store")) == Ended(0, ""), "it is there already"


def test_the_server_starts_and_answers(engine: Engine, image: str, stack: Stack) -> None:
    _serve(engine, stack, image)


def test_the_pipeline_runs_to_released_gold(engine: Engine, image: str, stack: Stack) -> None:
    began = time.monotonic()
    done = _job(engine, stack, image)
    note("the whole way of the sample shop (SCALE=0.002)", time.monotonic() - began)
    assert done.code == 0, _evidence(engine, done)
    assert set(re.findall(r"^(\w+): release \d+, \d+ tables", done.text, re.M)) == {"bronze", "silver", "gold"}, done.text


def test_a_job_sees_the_server_and_what_is_released(engine: Engine, image: str, stack: Stack) -> None:
    done = _job(engine, stack, image, "status")
    assert done.code == 0, _evidence(engine, done)
    assert "running" in done.text and "lake: s3://comporta/lake" in done.text
    assert set(re.findall(r"^(\w+): release \d+, \d+ tables", done.text, re.M)) == {"bronze", "silver", "gold"}, done.text


def test_a_reader_finds_the_rows_of_the_source(engine: Engine, image: str, stack: Stack) -> None:
    assert _job(engine, stack, image, "reconcile").code == 0
    found = _job(engine, stack, image, "sql", "--execute", "select count(*) > 0 from gold.fct_orders")
    assert found.code == 0 and "True" in found.text, _evidence(engine, found)


@pytest.mark.parametrize(
    "command",
    [
        ["releases"],
        ["site"],
        ["ingest", "--dry-run"],
        ["gate", "--layer", "gold"],
        ["dbt", "--layer", "gold"],
        ["release", "--layer", "gold"],
        ["suite", "--table", "gold.fct_orders", "--owner", "team", "--dry-run"],
    ],
    ids=" ".join,
)
def test_a_job_of_any_kind_runs(engine: Engine, image: str, stack: Stack, command: list[str]) -> None:
    done = _job(engine, stack, image, *command)
    assert done.code == 0, _evidence(engine, done)


def test_what_would_write_into_the_image_says_what_to_do(engine: Engine, image: str, stack: Stack) -> None:
    done = _job(engine, stack, image, "discover")
    assert done.code == 5
    assert (
        "/opt/comporta/ingestion/sources" in done.text
        and "Read-only file system" in done.text
        and "build the image anew" in done.text
    )


def test_the_server_stops_in_good_order_and_starts_again(engine: Engine, image: str, stack: Stack) -> None:
    grace = int(stack.services["spark"]["stop_grace_period"].removesuffix("s"))
    began = time.monotonic()
    engine.podman("stop", "--time", str(grace), "spark")
    assert time.monotonic() - began < grace
    state = engine.inspect("spark")["State"]
    assert isinstance(state, dict)
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), engine.logs("spark")[-3000:]
    assert "Spark server: stopped." in engine.logs("spark")
    engine.podman("rm", "spark")
    _serve(engine, stack, image)
    done = _job(engine, stack, image, "sql", "--execute", "select count(*) > 0 from gold.fct_orders")
    assert done.code == 0 and "True" in done.text, _evidence(engine, done)
    engine.podman("stop", "--time", str(grace), "spark")


def test_the_sample_shop_runs_on_a_folder_lake_without_any_network(engine: Engine, image: str, stack: Stack) -> None:
    given = [*stack.hardening("spark"), "--network", "none", "--env", "SCALE=0.002", "--volume", "demo:/var/lib/comporta"]
    run = "python -W ignore -m comporta"
    done = engine.run([*given, image, "sh", "-c", f"{run} demo && {run} traffic --days 1 && {run} demo && {run} down"])
    assert done.code == 0, done.text[-6000:]
    assert done.text.count("gold: release ") == 2 and "PostgreSQL: stopped." in done.text


def test_a_store_of_its_own_is_refused_with_what_to_do(engine: Engine, image: str) -> None:
    done = engine.run(["--network", "none", "--env", "STORE=s3", image, "python", "-W", "ignore", "-m", "comporta", "up"])
    assert done.code == 4 and "In a container name a store instead: LAKE_URL, AWS_ENDPOINT_URL" in done.text, done.text


def _serve(engine: Engine, stack: Stack, image: str) -> None:
    """Start compose's `spark` and wait until the image's own health check passes."""
    began = time.monotonic()
    engine.start(["--name", "spark", *stack.arguments("spark", image, "store")])
    health = engine.inspect(image)["Healthcheck"]
    assert isinstance(health, dict)
    seen = Ended(1, "")
    while (
        seen.code
        and time.monotonic() - began < _HEALTHY
        and "Up" in engine.podman("ps", "--filter", "name=spark", "--format", "{{.Status}}")
    ):
        time.sleep(5)
        seen = engine.execute("spark", health["Test"][1:])
    assert seen.code == 0, _evidence(engine, seen)
    note("server, until its health check passes", time.monotonic() - began)


def _job(engine: Engine, stack: Stack, image: str, *command: str) -> Ended:
    return engine.run([*stack.arguments("job", image, "store", command)])


def _alone(engine: Engine, image: str, *command: str) -> Ended:
    return engine.run(["--network", "none", "--cap-drop", "ALL", image, *command])


def _evidence(engine: Engine, done: Ended) -> str:
    return f"{done.text[-6000:]}\n— spark:\n{engine.logs('spark')[-3000:]}"
