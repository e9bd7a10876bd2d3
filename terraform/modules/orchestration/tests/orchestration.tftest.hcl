mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                 = "comporta-test"
  key_arn              = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  cluster_arn          = "arn:aws:ecs:eu-west-1:123456789012:cluster/comporta-test-spark"
  job                  = { image = "repository:1", user = "10001", folder = "/var/lib/comporta", environment = { LAKE_URL = "s3://bronze/lake" } }
  publish_image        = "repository/aws-cli:2.27.0"
  docs_bucket          = "docs"
  job_role_arns        = { for job in ["ingest", "gate", "build", "release", "site", "publish"] : job => "arn:aws:iam::123456789012:role/${job}" }
  starter_role_arns    = { job = "arn:aws:iam::123456789012:role/start-job", ingest = "arn:aws:iam::123456789012:role/start-ingest" }
  ingestion_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:dsn"
  alarm_email          = "data@example.com"
  monthly_budget       = 100
}

run "order" {
  assert {
    condition = [for step in local.steps : step.state] == [
      "Ingest", "Gate bronze", "Release bronze", "Build silver", "Gate silver", "Release silver", "Build gold", "Gate gold", "Release gold",
    ]
    error_message = "Nothing moves on that has not passed its gate."
  }

  assert {
    condition     = alltrue([for s in values(jsondecode(aws_sfn_state_machine.this.definition).States) : length(s.Retry) > 0 && length(s.Catch) > 0 if s.Type == "Task"])
    error_message = "Each task is tried again where that can help, and its failure is caught."
  }

  assert {
    condition = alltrue([for layer in ["bronze", "silver", "gold"] :
    !strcontains(jsonencode(jsondecode(aws_sfn_state_machine.this.definition).States["Gate ${layer}"].Retry), "States.TaskFailed")])
    error_message = "A gate's verdict is not asked for again."
  }
}

run "jobs" {
  assert {
    condition     = alltrue([for job, d in aws_ecs_task_definition.job : d.task_role_arn == "arn:aws:iam::123456789012:role/${job}"])
    error_message = "Each job has its own role."
  }

  assert {
    condition     = alltrue([for job, d in aws_ecs_task_definition.job : (length(jsondecode(d.container_definitions)[0].secrets) > 0) == (job == "ingest")])
    error_message = "Only ingestion is handed the source's password, by its secret."
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.job : jsondecode(d.container_definitions)[0].readonlyRootFilesystem && jsondecode(d.container_definitions)[0].user == "10001"])
    error_message = "Jobs are not root and write to VAR_DIR and /tmp only."
  }
}

run "no_wildcards" {
  assert {
    condition = alltrue(flatten([for p in [aws_iam_role_policy.states.policy, aws_iam_role_policy.schedule.policy] :
    [for s in jsondecode(p).Statement : [for a in s.Action : !strcontains(a, "*")]]]))
    error_message = "Actions are named."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.states.policy).Statement : !contains(s.Resource, "*") if s.Sid != "Logs"])
    error_message = "Resources are named; log deliveries know none."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.states.policy).Statement : s.Condition.StringEquals["iam:PassedToService"] if s.Sid == "HandOver"] == ["ecs-tasks.amazonaws.com"]
    error_message = "Roles are handed to containers only."
  }
}

run "people_are_told" {
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.key_arn
    error_message = "Messages are encrypted."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.late.treat_missing_data == "breaching" && length(aws_cloudwatch_metric_alarm.failed) == 3
    error_message = "A run that failed, and one that never came, are told."
  }

  assert {
    condition     = aws_scheduler_schedule.this.state == "DISABLED" && aws_scheduler_schedule.this.kms_key_arn == var.key_arn
    error_message = "The schedule waits until somebody turns it on."
  }

  assert {
    condition     = alltrue([for g in [aws_cloudwatch_log_group.jobs, aws_cloudwatch_log_group.states] : g.kms_key_id == var.key_arn && g.retention_in_days == 365])
    error_message = "Logs are encrypted and kept for a time."
  }
}

run "refuses" {
  command = plan

  variables {
    schedule              = "every night"
    time_zone             = "CET+1"
    alarm_email           = "nobody"
    monthly_budget        = 0
    job_hours             = 0
    expected_within_hours = 1
    publish_image         = "repository/aws-cli:latest"
    job_role_arns         = {}
  }

  expect_failures = [
    var.schedule, var.time_zone, var.alarm_email, var.monthly_budget, var.job_hours, var.expected_within_hours, var.publish_image, var.job_role_arns,
  ]
}
