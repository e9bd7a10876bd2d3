mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "comporta-test"
  raw_url            = "s3://bronze/lake/raw"
  trusted_url        = "s3://bronze/lake/trusted"
  artifacts_bucket   = "artifacts"
  script             = "main.tf" # any file that is there
  lake_key_arn       = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/11111111-0000-0000-0000-000000000000"
  log_retention_days = 30
}

run "reads_raw_and_writes_trusted" {
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : !anytrue([for r in s.Resource : r == "*"]) && !anytrue([for a in s.Action : strcontains(a, "*")])])
    error_message = "The policy names its actions and resources."
  }

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Resource if anytrue([for a in s.Action : contains(["s3:PutObject", "s3:DeleteObject"], a)])])) == toset(["arn:aws:s3:::bronze/lake/trusted/*", "arn:aws:s3:::bronze/lake/trusted_$folder$"])
    error_message = "It writes and removes in trusted alone."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Resource if s.Action == ["s3:GetObject"]]) == ["arn:aws:s3:::bronze/lake/raw/*", "arn:aws:s3:::artifacts/jobs/*"]
    error_message = "It reads the RAW zone and its script, no table of the lake."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : length(s.Condition.StringLike["s3:prefix"]) == 2 if contains(s.Action, "s3:ListBucket")])
    error_message = "It lists its two folders, and nothing else of their bucket."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Service == "glue.amazonaws.com" && can(jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"])
    error_message = "Only Glue, for this account, takes the role."
  }
}

run "encrypted" {
  assert {
    condition     = one(one(aws_glue_security_configuration.this.encryption_configuration).s3_encryption).kms_key_arn == var.lake_key_arn && one(one(aws_glue_security_configuration.this.encryption_configuration).s3_encryption).s3_encryption_mode == "SSE-KMS"
    error_message = "What it writes has the lake's key: the buckets refuse another."
  }

  assert {
    condition     = aws_glue_job.this.security_configuration == "comporta-test-trusted" && aws_s3_object.script.kms_key_id == var.lake_key_arn
    error_message = "The job has that configuration; the script is encrypted too."
  }

  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.this : g.kms_key_id == var.key_arn && g.retention_in_days == 30]) && toset([for g in aws_cloudwatch_log_group.this : g.name]) == toset([for kind in ["error", "output"] : "/comporta-test/trusted/comporta-test-trusted-role/comporta-test-trusted/${kind}"])
    error_message = "Its logs are encrypted and end, under the names that Glue gives them."
  }
}

run "job" {
  assert {
    condition     = one(aws_glue_job.this.command).script_location == "s3://artifacts/jobs/trusted.py" && aws_glue_job.this.glue_version == "5.0"
    error_message = "It runs the script that was put there, with Spark 3.5."
  }

  assert {
    condition     = aws_glue_job.this.number_of_workers == 2 && aws_glue_job.this.timeout == 60 && aws_glue_job.this.max_retries == 0 && one(aws_glue_job.this.execution_property).max_concurrent_runs == 1
    error_message = "Small, ended after an hour, once at a time."
  }

  assert {
    condition     = output.scripts_url == "s3://artifacts/jobs" && output.job_name == "comporta-test-trusted"
    error_message = "Who starts it finds it."
  }
}

run "refuses" {
  command = plan

  variables {
    raw_url            = "s3://bronze"
    script             = "not-there.py"
    worker_type        = "Standard"
    workers            = 1
    timeout_minutes    = 0
    log_retention_days = 31
  }

  expect_failures = [var.raw_url, var.script, var.worker_type, var.workers, var.timeout_minutes, var.log_retention_days]
}

run "refuses_trusted_in_raw" {
  command = plan

  variables {
    trusted_url = "s3://bronze/lake/raw/trusted"
  }

  expect_failures = [var.trusted_url]
}

run "refuses_trusted_everywhere" {
  command = plan

  variables {
    trusted_url = "s3://bronze/*"
  }

  expect_failures = [var.trusted_url]
}
