"""What the ledger keeps of every check."""

import json

from expectations.trend import noted
from expectations.verdict import CheckOutcome


def test_a_line_a_check_no_longer_than_it_has_to_be() -> None:
    held = CheckOutcome(1, "expect_x", "critical", True, "amount", unexpected_count=3, considered=900)
    counted = CheckOutcome(2, "expect_y", "critical", True, observed=17)
    broken = CheckOutcome(3, "expect_z", "warning", False, "email", error="no such column")
    said = CheckOutcome(4, "usual_row_count", "warning", False, observed="9 rows, usually 10 to 20")
    assert json.loads(noted([held, counted, broken, said])) == [
        ["expect_x", "amount", True, 3, 900],
        ["expect_y", "", True, None, None, 17],
        ["expect_z", "email", None],
        ["usual_row_count", "", False],
    ]
