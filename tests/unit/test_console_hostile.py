"""Names and values that are printed are text: Rich reads no markup in them, and a terminal is sent nothing that steers it."""

import ast
import json
import re
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from house import FOLDERS
from rich.text import Text

from comporta import cli
from lakehouse import console
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT

NAME = "[red]x[/red] [/nope] [link=file:///etc]y[/link] :smile: \x1b]0;pwned\x07\x9b31m \x1b[2J \u202eabc \ud800 \\x é ☃"
SHOWN = r"[red]x[/red] [/nope] [link=file:///etc]y[/link] :smile: \u001b]0;pwned\u0007\u009b31m \u001b[2J \u202eabc \ud800 \x é ☃"
OURS = re.compile(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r")  # colours, and a spinner's cursor


@pytest.fixture(params=[False, True], ids=["piped", "terminal"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StringIO:
    text = StringIO()
    for name in ("out", "err"):
        monkeypatch.setattr(console, name, console._Plain(file=text, width=200, force_terminal=request.param))
    return text


def _fail() -> None:
    with pytest.raises(SystemExit):
        cli._tell(SourceError(NAME, "is not there"), debug=False)


@pytest.mark.parametrize(
    "show",
    [
        lambda: console.out.print(NAME),
        lambda: console.out.print(NAME, style="red"),
        lambda: console.out.print(Text.assemble(("✗ ", "red"), NAME)),
        lambda: console.table(NAME, ["a"], [["b"]]),
        lambda: console.table("", ["a", NAME], [[1, 2]], numbers=[NAME]),
        lambda: console.table("", ["a", "b"], [[NAME, Text("x")]]),
        lambda: console.table("", ["a"], [[Text(NAME, style="red")]]),
        lambda: console.table("", ["a"], [[console.verdict(NAME)]]),
        lambda: console.warn(NAME),
        lambda: _stepped(),
        lambda: _awaited(),
        _fail,
    ],
)
def test_console_shows_names_and_follows_nothing_in_them(printed: StringIO, show: Callable[[], object]) -> None:
    show()
    text = OURS.sub("", printed.getvalue())
    # Rich leaves a bell, which it would not show, out of a text of several parts.
    assert SHOWN in text or SHOWN.replace(r"\u0007", "") in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)


def _stepped() -> None:
    with console.step(NAME):
        pass


def _awaited() -> None:
    with console.err.status(NAME):
        console.out.print(NAME)


def test_console_keeps_a_failure_to_one_line(printed: StringIO) -> None:
    with pytest.raises(SystemExit):
        cli._tell(SourceError("a\nb", "c\r\nd"), debug=False)
    assert len(printed.getvalue().splitlines()) == 1


def test_console_echo_means_the_same_to_another_program(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "\x9b31m\u202e\x7f é\n\t"}
    console.echo(json.dumps(value, ensure_ascii=False))
    said = capsys.readouterr().out
    assert json.loads(said) == value and not re.search(r"[\x7f-\x9f\u202e]", said)


@pytest.mark.parametrize(
    ("way", "arguments"), [("layer", ["gate", "--layer", "\x1b[2J\n"]), ("path", ["seed", "--from", "a\n\x1b[2J"])]
)
def test_console_shows_an_argument_that_is_refused(
    way: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, printed: StringIO
) -> None:
    monkeypatch.setattr(sys, "argv", ["comporta", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    text = OURS.sub("", printed.getvalue())
    assert left.value.code == 2 and len(text.splitlines()) == 1 and "\x1b" not in text and "[2J" in text


def test_console_is_the_only_way_out() -> None:
    """Whoever prints past it sends what a name holds."""
    past = {}
    for path in [each for package in FOLDERS for each in (ROOT / package).rglob("*.py") if each != ROOT / "lakehouse/console.py"]:
        if found := {name for node in ast.walk(ast.parse(path.read_text())) if (name := _printer(node))}:
            past[str(Path(path).relative_to(ROOT))] = found
    assert past == {}


def _printer(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    name = ast.unparse(node.func)
    return name if name in ("print", "click.echo", "click.secho", "Console", "Text.from_markup", "sys.stdout.write") else ""
