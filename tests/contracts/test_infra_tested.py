"""`make infra-test` is no part of .ci/run: whoever changes what it tests runs it, and commits what it wrote."""

import json

from infra import tested


def test_infrastructure_is_as_it_was_last_tested() -> None:
    said = json.loads(tested.PLACE.read_text(encoding="utf-8"))
    assert said["passed"] > 70
    assert said["digest"] == tested.digest(), (
        f"terraform/, docker/, Dockerfile, tests/infra or lakehouse/settings.py is not what passed on {said['on']}. "
        "Run make infra-test, and commit the terraform/tested.json that it writes."
    )
