mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name             = "comporta-test"
  bucket_arns      = { raw = "arn:aws:s3:::raw", bronze = "arn:aws:s3:::bronze", silver = "arn:aws:s3:::silver", gold = "arn:aws:s3:::gold", artifacts = "arn:aws:s3:::artifacts" }
  artifacts_bucket = "artifacts"
  lake_url         = "s3://bronze/lake"
  lake_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "workgroup" {
  assert {
    condition     = aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration
    error_message = "Clients can't choose otherwise."
  }

  assert {
    condition     = aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS"
    error_message = "Results are encrypted."
  }

  assert {
    condition     = aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 100000000000
    error_message = "A query that would read too much is stopped."
  }
}

run "analysts" {
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : !anytrue([for r in flatten([s.Resource]) : r == "*"]) && !anytrue([for a in flatten([s.Action]) : strcontains(a, "*")])])
    error_message = "The policy names its actions and resources."
  }

  assert {
    condition     = !anytrue(flatten([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : [for r in flatten([s.Resource]) : strcontains(r, ":raw") || strcontains(r, "lake/bronze") || strcontains(r, "lake/quarantine")]]))
    error_message = "Analysts read neither raw, nor bronze, nor quarantine."
  }

  assert {
    condition     = alltrue([for d in aws_glue_catalog_database.this : one(one(d.create_table_default_permission).principal).data_lake_principal_identifier == "IAM_ALLOWED_PRINCIPALS"])
    error_message = "IAM alone decides."
  }
}

run "candidates_are_behind_the_gate" {
  assert {
    condition = alltrue([for s in jsondecode(aws_iam_policy.analyst.policy).Statement :
      try(s.Condition["ForAnyValue:StringEquals"]["aws:CalledVia"], []) == ["athena.amazonaws.com"]
      if s.Effect == "Allow" && s.Sid != "Buckets" && anytrue([for r in flatten([s.Resource]) : startswith(r, "arn:aws:s3:::") && !startswith(r, "arn:aws:s3:::artifacts")])
    ])
    error_message = "Files of tables, a candidate's among them, are read and listed by Athena only."
  }

  assert {
    condition = length([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : s
    if s.Effect == "Allow" && anytrue([for r in flatten([s.Resource]) : contains(["arn:aws:s3:::silver/*", "arn:aws:s3:::gold/*"], r)])]) == 1
    error_message = "One statement lets files of silver and gold be read at all."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : flatten([s.Action]) if s.Sid == "Buckets"]) == ["s3:GetBucketLocation"]
    error_message = "Whoever asks a bucket himself hears its region and nothing more."
  }

  assert {
    condition = alltrue([for s in jsondecode(aws_iam_policy.analyst.policy).Statement :
    s.Sid == "WriteResults" && try(s.Condition["ForAnyValue:StringEquals"]["aws:CalledVia"], []) == ["athena.amazonaws.com"] if anytrue([for a in flatten([s.Action]) : startswith(a, "s3:Put")])])
    error_message = "Only Athena writes results: nobody puts another's result in its place."
  }

  assert {
    condition = one([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : alltrue([for a in ["glue:CreateTable", "glue:UpdateTable", "glue:CreatePartition", "glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition"] : contains(s.Action, a)])
    && contains(s.Resource, "arn:aws:glue:eu-west-1:123456789012:table/*") if s.Effect == "Deny"])
    error_message = "No table of an analyst's own names a candidate's files as its place."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_policy.analyst.policy).Statement : s.Condition.StringEquals["kms:ViaService"] if s.Sid == "Key"]) == "s3.eu-west-1.amazonaws.com"
    error_message = "The key opens what S3 gives out, and nothing else."
  }
}

run "refuses" {
  command = plan

  variables {
    lake_url      = "s3://bronze"
    scan_limit_gb = 0
  }

  expect_failures = [var.lake_url, var.scan_limit_gb]
}
