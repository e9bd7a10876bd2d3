"""What is said of how a server ended comes from the end of its log."""

from pathlib import Path

import pytest

from lakehouse.servers import health
from lakehouse.settings import Settings


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "Terminating due to java.lang.OutOfMemoryError: Java heap space\nWARN x: later",
            "Terminating due to java.lang.OutOfMemoryError",
        ),
        ("ERROR Executor: java.lang.OutOfMemoryError: GC overhead limit exceeded\n", "GC overhead limit"),
        ("ERROR SparkExecuteStatementOperation: somebody's statement was wrong\n", "killed from outside"),
        ("Terminating due to java.lang.OutOfMemoryError: Java heap space\n" + "WARN y: long since\n" * 400, "killed from outside"),
        ("", "killed from outside"),
    ],
)
def test_the_last_words(tmp_path: Path, log: str, said: str) -> None:
    settings = Settings(var_dir=tmp_path)
    health.log_file(settings).parent.mkdir()
    health.log_file(settings).write_text(log)
    assert said in health.last_words(settings)


def test_a_server_that_was_never_started_is_not_running(tmp_path: Path) -> None:
    assert health.trouble(Settings(var_dir=tmp_path)) == health.STOPPED
