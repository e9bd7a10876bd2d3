"""What `make infra-test` shares: Terraform on a copy of the code, and an emulator of AWS."""

import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from infra import tested
from infra.terraform import Terraform
from ports import free_ports

from lakehouse.settings import ROOT

for _name in [name for name in os.environ if name.startswith(("AWS_", "TF_VAR_"))]:
    os.environ.pop(_name)  # a developer's own account must be out of reach

_ENDED: Counter[str] = Counter()
_STARTED = time.monotonic()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what ended how; with several processes, in the one that hears of all."""
    _ENDED[report.outcome if report.when == "call" or report.outcome != "passed" else "around"] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note that all of it passed, where a contract test looks (tests/contracts/test_infra_tested.py)."""
    whole = [Path(str(each)).resolve() for each in session.config.args] == [Path(__file__).parent]
    if hasattr(session.config, "workerinput") or exitstatus or not whole or session.config.option.keyword:
        return
    if {*_ENDED} <= {"passed", "around"}:
        tested.note(_ENDED["passed"], time.monotonic() - _STARTED, datetime.now(UTC).date())


@pytest.fixture(scope="session")
def terraform() -> Iterator[Terraform]:
    """Terraform on a copy that all tests share: a folder is initialised once."""
    folder = Path(tempfile.mkdtemp(prefix="comporta-infra-", dir="/tmp"))
    yield Terraform.on_a_copy(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an emulator of AWS on loopback."""
    port = free_ports(1)[0]
    log = tmp_path_factory.mktemp("moto") / "moto.log"
    python, emulator = ROOT / ".venv-infra" / "bin" / "python", Path(__file__).with_name("emulator.py")
    environment = os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}  # AWS's own policies, which roles are given
    with log.open("w") as out:
        process = subprocess.Popen([str(python), "-W", "ignore", str(emulator), str(port)], stdout=out, stderr=out, env=environment)
    try:
        _await_answer(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    from lakehouse.servers.process import listening, wait

    for _ in wait(60):
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        if listening(port):
            return
    raise AssertionError(f"moto does not answer: {log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="module")
def account(moto: str) -> Iterator[dict[str, str]]:
    """The environment of whoever works in the emulated account; set for this process too, for boto3."""
    ours = {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TF_VAR_alarm_email": "data@example.com",
        "TF_VAR_allowed_cidrs": '["203.0.113.7/32"]',
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ours.items():
            patch.setenv(name, value)
        yield ours
