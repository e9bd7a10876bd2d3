mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                 = "comporta-test"
  bucket_arns          = { for bucket in ["raw", "bronze", "silver", "gold", "artifacts", "docs"] : bucket => "arn:aws:s3:::${bucket}" }
  lake_key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  key_arn              = "arn:aws:kms:eu-west-1:123456789012:key/11111111-0000-0000-0000-000000000000"
  ingestion_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:dsn"
  log_group_arns       = { server = "arn:aws:logs:eu-west-1:123456789012:log-group:server", jobs = "arn:aws:logs:eu-west-1:123456789012:log-group:jobs" }
  glue_database_names  = ["test_silver", "test_gold"]
  repository_arns      = ["arn:aws:ecr:eu-west-1:123456789012:repository/comporta"]
}

run "no_wildcards" {
  assert {
    condition = alltrue(flatten([for p in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.starter), [aws_iam_role_policy.glue]) :
    [for s in jsondecode(p.policy).Statement : [for a in flatten([s.Action]) : !strcontains(a, "*")]]]))
    error_message = "Actions are named."
  }

  assert {
    condition = alltrue(flatten([for p in concat(values(aws_iam_role_policy.job), values(aws_iam_role_policy.starter), [aws_iam_role_policy.glue]) :
    [for s in jsondecode(p.policy).Statement : [for r in s.Resource : r != "*"] if s.Action != ["ecr:GetAuthorizationToken"]]]))
    error_message = "Resources are named; the login to ECR knows none."
  }
}

run "one_a_job" {
  assert {
    condition     = length(aws_iam_role.job) == 7 && length(distinct([for r in aws_iam_role.job : r.name])) == 7
    error_message = "Each job has a role of its own."
  }

  assert {
    condition = alltrue([for r in concat(values(aws_iam_role.job), values(aws_iam_role.starter)) :
    jsondecode(r.assume_role_policy).Statement[0].Principal.Service == "ecs-tasks.amazonaws.com" && can(jsondecode(r.assume_role_policy).Statement[0].Condition)])
    error_message = "Only containers of this account take these roles."
  }

  assert {
    condition     = alltrue([for starter, p in aws_iam_role_policy.starter : strcontains(p.policy, "secretsmanager") == (starter == "ingest")])
    error_message = "Only ingestion is handed the source's password."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.job["gate"].policy, "arn:aws:s3:::raw") && !anytrue([for place in ["lake/warehouse", ":::silver", ":::gold"] : strcontains(aws_iam_role_policy.job["ingest"].policy, place)])
    error_message = "A gate does not see raw files; ingestion does not see silver and gold."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.job["site"].policy).Statement : s.Resource if s.Sid == "Write"]) == ["arn:aws:s3:::bronze/lake/site/*"]
    error_message = "Building the site changes no table."
  }

  assert {
    condition     = alltrue(flatten([for job, p in aws_iam_role_policy.job : [for s in jsondecode(p.policy).Statement : [for r in s.Resource : job == "publish" || !strcontains(r, ":::docs")]]]))
    error_message = "Only publishing writes to the docs bucket."
  }
}

run "refuses" {
  command = plan

  variables {
    bucket_arns     = { raw = "arn:aws:s3:::raw" }
    repository_arns = ["arn:aws:ecr:eu-west-1:123456789012:repository/*"]

    glue_database_names = ["comporta-silver"]
  }

  expect_failures = [var.bucket_arns, var.repository_arns, var.glue_database_names]
}
