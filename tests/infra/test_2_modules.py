"""Each module's promises, by `terraform test` with a mocked provider: what it makes, and what it refuses."""

import pytest
from infra.terraform import CODE, ENVIRONMENTS, MODULES, Terraform

# The whole has no promises of its own; the environments' tests make it.
TESTED = ["bootstrap", *(f"modules/{name}" for name in MODULES if name != "comporta"), *ENVIRONMENTS]


@pytest.mark.parametrize("root", TESTED)
def test_module_keeps_its_promises(terraform: Terraform, root: str) -> None:
    assert list((CODE / root / "tests").glob("*.tftest.hcl")), f"{root} has no tests"
    terraform.init(root)
    told = terraform.run(root, "test", "-no-color")
    assert "Success!" in told and "0 passed" not in told, told
