mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "comporta-test"
}

run "rotates" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key must rotate, and stay for 30 days after it was deleted by mistake."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_kms_key.this.policy).Statement : s.Sid == "Administration" || !anytrue([for a in flatten([s.Action]) : strcontains(a, "*")])])
    error_message = "Only the account's administration may do everything with the key."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_kms_key.this.policy).Statement : try(s.Principal.Service, null) == null || can(s.Condition)])
    error_message = "A service uses the key for this account only, by a condition."
  }
}

run "refuses_a_name_that_makes_no_bucket" {
  command = plan

  variables {
    name = "Comporta_Test"
  }

  expect_failures = [var.name]
}
