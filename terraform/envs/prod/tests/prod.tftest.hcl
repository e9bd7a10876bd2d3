mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "global"
  source = "../../mocks"
}

variables {
  alarm_email   = "data@example.com"
  allowed_cidrs = ["203.0.113.7/32"]
}

run "whole" {
  assert {
    condition     = output.lakehouse.lake_url != "" && length(output.lakehouse.bucket_names) == 6
    error_message = "The environment is whole."
  }
}

run "refuses_a_region_that_is_none" {
  command = plan

  variables {
    region = "Lisbon"
  }

  expect_failures = [var.region]
}
