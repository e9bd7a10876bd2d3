mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name        = "comporta-test"
  key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  cluster_arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/comporta-test-spark"
  job = {
    image       = "repository:1"
    users       = { ingest = "10002:10001", gate = "10003:10001", build = "10004:10001", release = "10005:10001", site = "10006:10001", publish = "10007:10001" }
    folder      = "/var/lib/comporta"
    environment = { LAKE_URL = "s3://bronze/lake" }
  }
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
    condition     = alltrue([for job, d in aws_ecs_task_definition.job : jsondecode(d.container_definitions)[0].readonlyRootFilesystem && jsondecode(d.container_definitions)[0].user == var.job.users[job]])
    error_message = "Each job is a user of its own and writes to VAR_DIR and /tmp only."
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.job : d.pid_mode == null])
    error_message = "No job sees another's processes."
  }

  assert {
    condition = alltrue([for d in aws_ecs_task_definition.job :
      jsondecode(d.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"] && jsondecode(d.container_definitions)[0].dockerSecurityOptions == ["no-new-privileges"]
    ])
    error_message = "A job has no capability, and gets none by running a program."
  }
}

run "no_wildcards" {
  assert {
    condition = alltrue(flatten([for p in [aws_iam_role_policy.states.policy, aws_iam_role_policy.schedule.policy] :
    [for s in jsondecode(p).Statement : [for a in s.Action : !strcontains(a, "*")]]]))
    error_message = "Actions are named."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.states.policy).Statement : !contains(s.Resource, "*") if !contains(["Logs", "Note"], s.Sid)])
    error_message = "Resources are named; log deliveries and metrics know none."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.states.policy).Statement : s.Condition.StringEquals["iam:PassedToService"] if s.Sid == "HandOver"] == ["ecs-tasks.amazonaws.com"]
    error_message = "Roles are handed to containers only."
  }
}

run "only_a_run_that_came_to_its_end_counts" {
  assert {
    condition = [for name, s in jsondecode(aws_sfn_state_machine.this.definition).States : name if strcontains(try(s.Resource, ""), "putMetricData")] == ["Note success"] && [
    for name, s in jsondecode(aws_sfn_state_machine.this.definition).States : name if strcontains(jsonencode(s), "\"Note success\"")] == ["Publish"]
    error_message = "Success is noted after the last step, and nowhere else."
  }

  assert {
    condition     = [for name, s in jsondecode(aws_sfn_state_machine.this.definition).States : name if strcontains(jsonencode(s), "\"Done\"")] == ["Note success"]
    error_message = "A run that ends well notes it."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States["Left to the other run"] == { Type = "Succeed" }
    error_message = "A run that was left to another one has brought nothing, and notes nothing."
  }

  assert {
    condition = jsonencode([aws_cloudwatch_metric_alarm.late.namespace, aws_cloudwatch_metric_alarm.late.metric_name, aws_cloudwatch_metric_alarm.late.dimensions]) == jsonencode([
      jsondecode(aws_sfn_state_machine.this.definition).States["Note success"].Parameters.Namespace,
      jsondecode(aws_sfn_state_machine.this.definition).States["Note success"].Parameters.MetricData[0].MetricName,
      { for d in jsondecode(aws_sfn_state_machine.this.definition).States["Note success"].Parameters.MetricData[0].Dimensions : d.Name => d.Value },
    ])
    error_message = "The alarm that no run succeeded listens to these notes, and to nothing that Step Functions counts."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.states.policy).Statement : s.Condition.StringEquals["cloudwatch:namespace"] if s.Sid == "Note" && s.Action == ["cloudwatch:PutMetricData"]]) == "Comporta"
    error_message = "It may note, under our name."
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
    job                   = { image = "repository:1", users = { ingest = "10001:10001", gate = "10001:10001" }, folder = "/", environment = {} }
  }

  expect_failures = [
    var.schedule, var.time_zone, var.alarm_email, var.monthly_budget, var.job_hours, var.expected_within_hours, var.publish_image, var.job_role_arns, var.job,
  ]
}
