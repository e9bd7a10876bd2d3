"""Which models a run builds: those that something new can reach, and all of them when in doubt."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse import dbt
from lakehouse.settings import Settings
from lakehouse.tables import candidate, ledger, released

INPUTS: dict[str, Any] = {"lake": "l", "project": "p", "columns": "c", "bronze": {"shop__a": 3, "shop__b": 5}}


def model(kind: str = "table", *tags: str, query: str = "select 1", **config: Any) -> dict[str, Any]:
    return {
        "config": {"materialized": kind} | config,
        "tags": ["gold", *tags],
        "resource_type": "model",
        "compiled_code": query,
        "schema": "gold",
    }


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project of a view and three tables: of a, of both, and one that asks what day it is."""
    nodes = {"m.view": model("view"), "m.of_a": model(), "m.of_both": model(), "m.today": model("table", "always")}
    nodes["m.now"] = model(query="select current_date() as day from gold.of_a -- now")
    nodes["m.of_a"] = model(query="select t.user, 1 as now from Gold.`view` t -- now() from other.table")
    nodes["m.elsewhere"] = model(query="select 1 from gold.of_a where id in (select id from other.table)")
    nodes["m.hooked"] = model(query="select 1", **{"post-hook": [{"sql": "select 1"}]})
    nodes["m.below"] = model(query="select 1 from gold.now")
    parents = {"m.view": ["s.a"], "m.of_a": ["m.view"], "m.of_both": ["m.of_a", "s.b"], "m.today": ["s.a"], "m.now": ["s.a"]}
    parents |= {"m.elsewhere": ["m.of_a"], "m.hooked": [], "m.below": ["m.now"]}
    manifest = {
        "sources": {"s.a": {"identifier": "shop__a"}, "s.b": {"identifier": "shop__b"}},
        "nodes": {
            number: node | dict.fromkeys(("name", "alias"), name := number.removeprefix("m.")) | {"fqn": [name]}
            for number, node in nodes.items()
        },
        "parent_map": parents,
    }
    settings = Settings(var_dir=tmp_path)
    path = tmp_path / "dbt" / "target" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(manifest))
    monkeypatch.setattr(dbt, "_inputs", lambda _: INPUTS)
    monkeypatch.setattr(released, "published", lambda *_: {number.removeprefix("m."): 7 for number in nodes})
    monkeypatch.setattr(candidate, "version", lambda *_: 7)
    dbt.note_built(settings, "gold")
    return settings


def idle(settings: Settings, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> set[str] | None:
    monkeypatch.setattr(dbt, "_inputs", lambda _: INPUTS | changes)
    return dbt._idle(settings, "gold")


def test_nothing_new_leaves_what_asks_for_the_day(made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert idle(made, monkeypatch) == {"view", "of_a", "of_both"}


def test_what_was_not_compiled_this_time_is_as_it_was_told(made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.var_dir / "dbt" / "target" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for node in manifest["nodes"].values():
        del node["compiled_code"]
    path.write_text(json.dumps(manifest))
    dbt.note_built(made, "gold")
    assert idle(made, monkeypatch) == {"view", "of_a", "of_both"}
    monkeypatch.setattr(dbt, "_inputs", lambda _: INPUTS | {"project": "other"})
    dbt.note_built(made, "gold")
    assert idle(made, monkeypatch, project="other") == set(), "nothing is known of queries that another project compiled"


def test_a_new_version_reaches_all_models_below_it(made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert idle(made, monkeypatch, bronze={"shop__a": 3, "shop__b": 6}) == {"view", "of_a"}
    assert idle(made, monkeypatch, bronze={"shop__a": 2, "shop__b": 5}) == {"view"}  # a rollback is new, too
    assert idle(made, monkeypatch, bronze={"shop__b": 5, "shop__a": 4}) == {"view"}


@pytest.mark.parametrize("changed", ["lake", "project", "columns"])
def test_in_doubt_all_are_built(made: Settings, monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    assert idle(made, monkeypatch, **{changed: "other"}) is None


def test_a_layer_never_built_is_built_whole(made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt, "_inputs", lambda _: INPUTS)
    assert dbt._idle(made, "silver") is None


@pytest.mark.parametrize("version", [None, 6, 8])
def test_a_candidate_that_readers_do_not_see_is_built(made: Settings, monkeypatch: pytest.MonkeyPatch, version: int | None) -> None:
    monkeypatch.setattr(candidate, "version", lambda _, layer, table: version if table == "of_a" else 7)
    assert idle(made, monkeypatch) == {"view", "of_both"}


def test_what_was_released_with_another_var_dir_is_built_anew(made: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(
        made, "releases", [{"release_id": 4, "layer": "gold", "kind": "release", "status": "published", "tables": "{}", "note": ""}]
    )
    assert idle(made, monkeypatch) is None
    dbt.note_built(made, "gold")
    assert idle(made, monkeypatch) == {"view", "of_a", "of_both"}


@pytest.mark.parametrize(
    ("shown", "said", "left"),
    [
        ({"shop__orders": 1}, {"BRONZE_SOURCES": "shop"}, ["--exclude", "source:credit+", "config.meta.source:credit"]),
        ({"credit__users": 1}, {"BRONZE_SOURCES": "credit"}, ["--exclude", "source:shop+", "config.meta.source:shop"]),
        ({"credit__users": 1, "shop__orders": 2}, {"BRONZE_SOURCES": "credit,shop"}, []),
        ({"crm__people": 1}, {}, []),  # nothing of the project: dbt says what is missing
    ],
)
def test_what_reads_a_source_that_bronze_lacks_is_left_out(
    monkeypatch: pytest.MonkeyPatch, shown: dict[str, int], said: dict[str, str], left: list[str]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(released, "published", lambda *_: shown)
    monkeypatch.setattr(dbt, "invoke", lambda settings, *words: told.extend(words))
    dbt.run(Settings(), "gold")
    assert dbt.bronze_sources(Settings()) == said
    assert told[told.index("tag:gold") + 1 :] == left
