"""A child process is told what it needs: no secret of ours, and nothing that make or a stranger's shell had by chance."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from lakehouse import dbt, environment
from lakehouse.servers import server
from lakehouse.settings import SECRETS, Settings

CANARY = "canary"
GIVEN = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "GITHUB_TOKEN", "NPM_TOKEN", "DATABASE_URL", "OTHERS_SECRET"}
STORE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}
NEEDED = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "https_proxy", "NO_PROXY"}
CHILDREN: dict[str, tuple[Callable[[Settings], dict[str, str]], set[str]]] = {
    "any": (lambda _: environment.plain(), NEEDED),
    "java": (lambda _: environment.java(), NEEDED | {"JAVA_HOME"}),
    "spark": (server._environment, NEEDED | {"JAVA_HOME", "SPARK_CONF_DIR", "HADOOP_CONF_DIR"}),
    "dbt": (dbt.environment, NEEDED | {"DBT_ENV_MINE", "THRIFT_HOST", "DEV_SCHEMA", "LAKE_URL", "SCALE"}),
}


@pytest.fixture(params=[False, True], ids=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    every = {name for _, needed in CHILDREN.values() for name in needed} - {"LAKE_URL", "SCALE", "LC_ALL"}
    for name in GIVEN | STORE | SECRETS:
        monkeypatch.setenv(name, f"{CANARY}-{name}")
    for name in every - {"PATH"}:
        monkeypatch.setenv(name, name)
    monkeypatch.setenv("SCALE", "0.5")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    place = "s3://bucket/lake" if request.param else ""
    return Settings(
        var_dir=tmp_path, lake_url=place, source_dsn=None, smtp_url=None, gate_webhook=None, spark_token=None, spark_secret=None
    )


@pytest.mark.parametrize("child", CHILDREN)
def test_environment_has_what_a_child_needs_and_no_secret(settings: Settings, child: str) -> None:
    made, needed = CHILDREN[child]
    told = made(settings)
    assert needed - {*told} == set()
    with_store = child in ("spark", "dbt") and settings.lake_url.startswith("s3")
    assert {name for name, value in told.items() if CANARY in value} == (STORE if with_store else set())


def test_environment_of_dbt_has_what_its_project_asks_for(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "one.sql").write_text("select {{ env_var('OTHERS_SECRET') }}, {{ env_var(\"SOURCE_DSN\", '') }}")
    (tmp_path / "profiles.yml").write_text("host: \"{{ env_var( 'NPM_TOKEN') }}\"")
    monkeypatch.setattr(dbt, "PROJECT", tmp_path)
    told = dbt.environment(settings)
    assert {"OTHERS_SECRET", "NPM_TOKEN"} <= {*told} and not {"SOURCE_DSN", "GITHUB_TOKEN"} & {*told}


def test_environment_every_secret_setting_is_known_as_one() -> None:
    secret = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
    assert secret and secret <= SECRETS
