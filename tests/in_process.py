"""The command line within this process: what a command does, without a second or more for Python to start and import."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from comporta import cli
from lakehouse import console


@contextmanager
def told(environment: Mapping[str, str]) -> Iterator[None]:
    """`environment`, and nothing else, is what this process is told; what is done here to it and to the umask ends here."""
    before, umask = dict(os.environ), os.umask(0o077)
    os.umask(umask)
    try:
        _tell(environment)
        yield
    finally:
        _tell(before)
        os.umask(umask)


def _tell(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def comporta(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`comporta …` with this environment: how it ended and what it said, as of a process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with told(environment), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "out", console._Plain(file=out, width=160))
        patch.setattr(console, "err", console._Plain(file=err, width=1000))
        patch.setattr(sys, "argv", ["comporta", *arguments])
        try:
            cli.main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1 if left.code else 0
    return subprocess.CompletedProcess(["comporta", *arguments], code, out.getvalue(), err.getvalue())
