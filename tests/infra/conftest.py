"""What `make infra-test` shares: Terraform on a copy of the code."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from infra.terraform import Terraform

for _name in [name for name in os.environ if name.startswith(("AWS_", "TF_VAR_"))]:
    os.environ.pop(_name)  # a developer's own account must be out of reach


@pytest.fixture(scope="session")
def terraform() -> Iterator[Terraform]:
    """Terraform on a copy that all tests share: a folder is initialised once."""
    folder = Path(tempfile.mkdtemp(prefix="comporta-infra-", dir="/tmp"))
    yield Terraform.on_a_copy(folder)
    shutil.rmtree(folder, ignore_errors=True)
