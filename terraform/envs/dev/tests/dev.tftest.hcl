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

  assert {
    condition     = output.lakehouse.spark_secret_arn == null
    error_message = "There are no workers that nobody asked for."
  }

  assert {
    condition     = output.lakehouse.trusted == null
    error_message = "Nor a job of Glue."
  }
}

run "refuses_a_region_that_is_none" {
  command = plan

  variables {
    region = "Lisbon"
  }

  expect_failures = [var.region]
}

run "grows_beyond_one_machine" {
  variables {
    image_tag = "0.1.0"
    workers   = { instance_type = "m7i.2xlarge", least = 1, most = 4, executor_memory = "20g" }
  }

  assert {
    condition     = output.lakehouse.spark_secret_arn != null
    error_message = "With workers there is a place for their secret."
  }
}

run "plain_parquet" {
  command = plan

  variables {
    trusted = { workers = 4 }
  }

  assert {
    condition     = output.lakehouse.trusted.job_name == "comporta-dev-trusted"
    error_message = "With it there is a job of Glue."
  }
}
