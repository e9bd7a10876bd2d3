"""`make run` and the state machine on AWS go the same way: the same stages in the same order, by the same commands."""

import re

import pytest
from click import Command, Context

from comporta import cli, pipeline
from comporta.run import Run
from lakehouse import dbt
from lakehouse.settings import ROOT, Settings
from releases import glue

# What a stage of `make run` is as a command by itself.
COMMANDS = {"ingest": ["ingest"], "dbt": ["dbt"], "gate": ["gate", "--hold-back"], "release": ["release"], "site": ["site"]}


def _of_pipeline(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Command and layer of each stage of a run in which nothing is done."""
    monkeypatch.setattr(pipeline, "_ingest", lambda run: None)
    monkeypatch.setattr(pipeline, "pass_gate", lambda *given, **options: None)
    for module, names in ((dbt, ("run_moved", "note_built")), (glue, ("follow",)), (pipeline.release, ("judged",))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *given: None)
    monkeypatch.setattr(pipeline.release, "publish", lambda *given, **options: type("Made", (), {"release_id": 1, "tables": {}}))
    run = Run(Settings(), "run", number=1)
    pipeline._run_layers(run)
    return [(name, layer) for name, _, layer in (stage.partition(" ") for stage in run.seconds)]


def _of_state_machine() -> list[tuple[list[str], str]]:
    """Words of each state's command, and its layer, as the definition's `steps` has them."""
    text = (ROOT / "terraform" / "modules" / "orchestration" / "pipeline.tf").read_text(encoding="utf-8")
    steps = text[text.index("  steps = concat(") : text.index("  # The site is built after a failure too")]
    layers = re.findall(r'"(\w+)"', re.findall(r"for layer in \[(.*?)\]", steps)[0])
    told = [re.findall(r'"([^"]+)"', words) for words in re.findall(r"command = \[(.*?)\]", steps)]
    [first], each = [words for words in told if "--layer" not in words], [words for words in told if "--layer" in words]
    assert 'layer == "bronze" ? []' in steps and each[0][0] == "dbt"  # bronze is not built
    found = [(first, "")]
    for layer in layers:
        found += [([word for word in words if word != "--layer"], layer) for words in each[layer == "bronze" :]]
    return found


def test_both_have_the_same_stages_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [(COMMANDS[name], layer) for name, layer in _of_pipeline(monkeypatch)]
    assert len(ours) == 9 and ours == _of_state_machine()


def test_each_stage_is_a_command() -> None:
    context = Context(cli.cli)
    for words in COMMANDS.values():
        found = cli.cli.get_command(context, words[0])
        assert isinstance(found, Command)
        assert {*words[1:]} <= {option for parameter in found.params for option in parameter.opts}
