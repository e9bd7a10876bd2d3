"""Each module's promises, by `terraform test` with a mocked provider: that it is valid, what it makes, and what it refuses."""

import re

import pytest
from infra.terraform import CODE, ENVIRONMENTS, MODULES, ROOTS, Terraform

TESTED = ["bootstrap", *(f"modules/{name}" for name in MODULES), *ENVIRONMENTS]
assert TESTED == ROOTS  # what is not tested would have to be validated by itself


@pytest.mark.parametrize("root", TESTED)
def test_module_keeps_its_promises(terraform: Terraform, root: str) -> None:
    assert list((CODE / root / "tests").glob("*.tftest.hcl")), f"{root} has no tests"
    terraform.init(root)
    told = terraform.run(root, "test", "-no-color")
    assert re.search(r"^Success! [1-9]\d* passed, 0 failed\.", told, re.M), told
