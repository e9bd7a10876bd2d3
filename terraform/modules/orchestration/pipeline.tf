# The way of the data as a state machine: each state is one command of ours in a container beside the Spark server.

locals {
  python = ["python", "-W", "ignore", "-m", "comporta"]

  # In order. `again`: running it once more can help and can't harm; a gate's verdict is no accident, so it stands.
  steps = concat(
    [{ state = "Ingest", job = "ingest", command = ["ingest"], again = true }],
    flatten([for layer in ["bronze", "silver", "gold"] : concat(
      layer == "bronze" ? [] : [{ state = "Build ${layer}", job = "build", command = ["dbt", "--layer", layer], again = true }],
      [
        { state = "Gate ${layer}", job = "gate", command = ["gate", "--layer", layer, "--hold-back"], again = false },
        { state = "Release ${layer}", job = "release", command = ["release", "--layer", layer], again = true },
      ],
    )]),
  )

  # The site is built after a failure too: it is where people see which check failed.
  endings = {
    "Site"            = { job = "site", next = "Publish", error = "$.error" }
    "Publish"         = { job = "publish", next = "Note success", error = "$.error" }
    "Site of failure" = { job = "site", next = "Publish failure", error = "$.second" } # people are told what failed first
    "Publish failure" = { job = "publish", next = "Notify", error = "$.second" }
  }

  runs = merge(
    { for index, step in local.steps : step.state => {
      job     = step.job
      command = concat(local.python, step.command)
      again   = step.again
      next    = index + 1 < length(local.steps) ? local.steps[index + 1].state : "Site"
      failed  = "Site of failure"
      error   = "$.error"
    } },
    { for state, ending in local.endings : state => {
      job     = ending.job
      command = ending.job == "publish" ? local.publish : concat(local.python, ["site"])
      again   = true
      next    = ending.next
      failed  = "Notify"
      error   = ending.error
    } },
  )

  # What a run that brought data to readers adds one to.
  succeeded = { namespace = "Comporta", metric = "RunsSucceeded" }

  publish = ["s3", "sync", "${var.job.folder}/site", "s3://${var.docs_bucket}", "--delete", "--no-progress"]

  # ECS itself: no room on the machine yet, throttled, away.
  ecs_retry = {
    ErrorEquals     = ["ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException", "ECS.Unknown"]
    IntervalSeconds = 20
    MaxAttempts     = 6
    BackoffRate     = 2
    MaxDelaySeconds = 300
    JitterStrategy  = "FULL"
  }

  definition = {
    Comment        = "Ingest, judge, release; nothing reaches readers that has not passed its gate."
    StartAt        = "Other runs"
    TimeoutSeconds = 24 * 3600
    States = merge(
      {
        "Other runs" = {
          Type     = "Task"
          Resource = "arn:aws:states:::aws-sdk:sfn:listExecutions"
          Parameters = {
            "StateMachineArn.$" = "$$.StateMachine.Id"
            StatusFilter        = "RUNNING"
            MaxResults          = 2
          }
          ResultSelector = { "count.$" = "States.ArrayLength($.Executions)" }
          ResultPath     = "$.running"
          Retry          = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 5, MaxAttempts = 3, BackoffRate = 2 }]
          Catch          = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.error", Next = "Notify" }]
          Next           = "Alone"
        }
        "Alone" = {
          Type    = "Choice"
          Choices = [{ Variable = "$.running.count", NumericGreaterThan = 1, Next = "Left to the other run" }]
          Default = local.steps[0].state
        }
        "Left to the other run" = { Type = "Succeed" }
        # Step Functions counts a run that was left to another one as succeeded, too; the alarm that none did counts these. A note that
        # is lost rings, which is the right side to err on.
        "Note success" = {
          Type     = "Task"
          Resource = "arn:aws:states:::aws-sdk:cloudwatch:putMetricData"
          Parameters = {
            Namespace  = local.succeeded.namespace
            MetricData = [{ MetricName = local.succeeded.metric, Dimensions = [{ Name = "Pipeline", Value = var.name }], Value = 1, Unit = "Count" }]
          }
          ResultPath = null
          Retry      = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 5, MaxAttempts = 3, BackoffRate = 2 }]
          Catch      = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.third", Next = "Done" }]
          Next       = "Done"
        }
        "Done" = { Type = "Succeed" }
        "Notify" = {
          Type     = "Task"
          Resource = "arn:aws:states:::sns:publish"
          Parameters = {
            TopicArn    = aws_sns_topic.alarms.arn
            Subject     = "${var.name}: the pipeline failed"
            "Message.$" = "States.Format('Readers see the last release. Execution {}: {} {}', $$.Execution.Name, $.error.Error, $.error.Cause)"
          }
          ResultPath = null
          Retry      = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 5, MaxAttempts = 3, BackoffRate = 2 }]
          Catch      = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.third", Next = "Failed" }]
          Next       = "Failed"
        }
        "Failed" = { Type = "Fail", ErrorPath = "$.error.Error", CausePath = "$.error.Cause" }
      },
      { for state, run in local.runs : state => {
        Type     = "Task"
        Resource = "arn:aws:states:::ecs:runTask.sync"
        Parameters = {
          Cluster        = var.cluster_arn
          TaskDefinition = aws_ecs_task_definition.job[run.job].arn
          LaunchType     = "EC2"
          Overrides      = { ContainerOverrides = [{ Name = run.job, Command = run.command }] }
        }
        ResultPath     = null
        TimeoutSeconds = var.job_hours * 3600
        Retry = concat(
          [local.ecs_retry],
          run.again ? [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 60, MaxAttempts = 2, BackoffRate = 3, MaxDelaySeconds = 600, JitterStrategy = "NONE" }] : [],
        )
        Catch = [{ ErrorEquals = ["States.ALL"], ResultPath = run.error, Next = run.failed }]
        Next  = run.next
      } },
    )
  }
}

resource "aws_cloudwatch_log_group" "jobs" {
  name              = "/${var.name}/jobs"
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "job" {
  for_each = toset(["ingest", "gate", "build", "release", "site", "publish"])

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["EC2"]
  network_mode             = "host" # the server listens on loopback only
  task_role_arn            = var.job_role_arns[each.key]
  execution_role_arn       = each.key == "ingest" ? var.starter_role_arns.ingest : var.starter_role_arns.job

  volume {
    name      = "var"
    host_path = var.job.folder
  }

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = each.key == "publish" ? var.publish_image : var.job.image
    essential              = true
    user                   = var.job.users[each.key]
    memoryReservation      = 512
    readonlyRootFilesystem = true
    environment            = each.key == "publish" ? local.region_only : concat(local.region_only, local.settings)
    secrets                = each.key == "ingest" ? [{ name = "SOURCE_DSN", valueFrom = var.ingestion_secret_arn }] : []
    mountPoints            = [{ sourceVolume = "var", containerPath = var.job.folder, readOnly = each.key == "publish" }]
    dockerSecurityOptions  = ["no-new-privileges"]
    linuxParameters        = { capabilities = { drop = ["ALL"] }, tmpfs = [{ containerPath = "/tmp", size = 1024 }] }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.jobs.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = each.key
      }
    }
  }])
}

locals {
  region_only = [{ name = "AWS_REGION", value = local.region }]
  settings    = [for key in sort(keys(var.job.environment)) : { name = key, value = var.job.environment[key] } if key != "AWS_REGION"]
}

resource "aws_cloudwatch_log_group" "states" {
  name              = "/aws/vendedlogs/states/${var.name}" # this prefix spares the account's policy for log deliveries
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284: X-Ray would need an endpoint of its own in a network without internet; each state is one container with a log.
  name       = var.name
  role_arn   = aws_iam_role.states.arn
  definition = jsonencode(local.definition)

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
    include_execution_data = true
    level                  = "ALL"
  }

  depends_on = [aws_iam_role_policy.states]
}

resource "aws_iam_role" "states" {
  name = "${var.name}-states"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "states" {
  name = "run-the-pipeline"
  role = aws_iam_role.states.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Run"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = [for definition in aws_ecs_task_definition.job : definition.arn]
        Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
      },
      {
        # A task has its id from the moment it runs.
        Sid       = "Watch"
        Effect    = "Allow"
        Action    = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource  = ["${replace(var.cluster_arn, ":cluster/", ":task/")}/*"]
        Condition = { ArnEquals = { "ecs:cluster" = var.cluster_arn } }
      },
      {
        Sid       = "HandOver"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = concat([for job in sort(keys(local.job_roles)) : local.job_roles[job]], [var.starter_role_arns.job, var.starter_role_arns.ingest])
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Sid      = "HearOfTheEnd"
        Effect   = "Allow"
        Action   = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
        Resource = ["arn:aws:events:${local.region}:${local.account}:rule/StepFunctionsGetEventsForECSTaskRule"]
      },
      {
        Sid      = "Tell"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = [aws_sns_topic.alarms.arn]
      },
      {
        Sid      = "TellEncrypted"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.key_arn]
      },
      {
        Sid      = "OtherRuns"
        Effect   = "Allow"
        Action   = ["states:ListExecutions"]
        Resource = ["arn:aws:states:${local.region}:${local.account}:stateMachine:${var.name}"]
      },
      {
        # AWS gives it no resource (Service Authorization Reference, CloudWatch); the namespace is ours.
        Sid       = "Note"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"]
        Condition = { StringEquals = { "cloudwatch:namespace" = local.succeeded.namespace } }
      },
      {
        # AWS gives these no resource (Service Authorization Reference, CloudWatch Logs: log deliveries).
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
          "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]
        Resource = ["*"]
      },
    ]
  })
}

locals {
  job_roles = { for job in ["ingest", "gate", "build", "release", "site", "publish"] : job => var.job_role_arns[job] }
}

resource "aws_iam_role" "schedule" {
  name = "${var.name}-schedule"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "start-the-pipeline"
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["states:StartExecution"], Resource = [aws_sfn_state_machine.this.arn] },
      { Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.key_arn] }, # the schedule itself is encrypted
    ]
  })
}

resource "aws_scheduler_schedule" "this" {
  name                         = var.name
  description                  = "The whole way, from ingestion to the site"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone
  state                        = var.scheduled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({})

    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 3600
    }
  }
}
