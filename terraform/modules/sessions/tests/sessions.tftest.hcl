mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "comporta-test"
  key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  instance_arn       = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"
  instance_role_name = "comporta-test-spark-instance"
  database_host      = "db.example.com"
}

run "a_shell_is_kept" {
  assert {
    condition = alltrue([for document in values(aws_ssm_document.this) :
      jsondecode(document.content).sessionType != "Standard_Stream" || (
        try(jsondecode(document.content).inputs.cloudWatchLogGroupName, "") == "/comporta-test/sessions"
        && try(jsondecode(document.content).inputs.cloudWatchEncryptionEnabled, false)
        && try(jsondecode(document.content).inputs.cloudWatchStreamingEnabled, false)
    )])
    error_message = "What a shell shows is written to our log group as it is shown, and only if that is encrypted."
  }

  assert {
    condition     = jsondecode(aws_ssm_document.this["shell"].content).sessionType == "Standard_Stream" && jsondecode(aws_ssm_document.this["shell"].content).inputs.idleSessionTimeout == "20" && jsondecode(aws_ssm_document.this["shell"].content).inputs.maxSessionDuration == "480"
    error_message = "No shell stays open for ever."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == var.key_arn && aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "The log is encrypted and kept for a time."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.log.policy).Statement : s.Resource if contains(s.Action, "logs:PutLogEvents")] == [["arn:aws:logs:eu-west-1:123456789012:log-group:mocked:*"]] && aws_iam_role_policy.log.role == "comporta-test-spark-instance"
    error_message = "The machine writes to that log."
  }
}

run "ports" {
  assert {
    condition     = { for key, value in jsondecode(aws_ssm_document.this["database"].content).properties : key => value if key != "localPortNumber" } == { type = "LocalPortForwarding", host = "db.example.com", portNumber = "5432" }
    error_message = "The tunnel to the database leads to the database, whatever is asked for."
  }

  assert {
    condition     = keys(jsondecode(aws_ssm_document.this["database"].content).parameters) == ["localPortNumber"]
    error_message = "Nobody names another host."
  }

  assert {
    condition = alltrue([for port in ["10000", "15002"] : can(regex(jsondecode(aws_ssm_document.this["spark"].content).parameters.portNumber.allowedPattern, port))]) && !anytrue([for port in ["22", "4040", "100001", "10000\n22", "51678"] :
    can(regex(jsondecode(aws_ssm_document.this["spark"].content).parameters.portNumber.allowedPattern, port))]) && !can(jsondecode(aws_ssm_document.this["spark"].content).properties.host)
    error_message = "Of the machine's ports only Thrift and Connect are forwarded."
  }
}

run "who_may" {
  assert {
    condition     = alltrue([for p in aws_iam_policy.this : one([for s in jsondecode(p.policy).Statement : s.Condition.BoolIfExists["ssm:SessionDocumentAccessCheck"] if contains(s.Action, "ssm:StartSession")]) == "true"])
    error_message = "A session that names no document is refused."
  }

  assert {
    condition     = { for who, p in aws_iam_policy.this : who => one([for s in jsondecode(p.policy).Statement : length(s.Resource) if contains(s.Action, "ssm:StartSession")]) } == { operator = 4, sql = 2 } && alltrue([for p in aws_iam_policy.this : contains(one([for s in jsondecode(p.policy).Statement : s.Resource if contains(s.Action, "ssm:StartSession")]), var.instance_arn)])
    error_message = "One machine and the documents of each: all three for operators, the Spark server's ports for whoever asks SQL."
  }

  assert {
    condition     = alltrue(flatten([for p in aws_iam_policy.this : [for s in jsondecode(p.policy).Statement : [for a in s.Action : !strcontains(a, "*") && !startswith(a, "ssm:Send")]]]))
    error_message = "Actions are named, and none runs a command past the log."
  }

  assert {
    condition     = alltrue([for p in aws_iam_policy.this : one([for s in jsondecode(p.policy).Statement : s.Resource if contains(s.Action, "ssm:TerminateSession")]) == ["arn:aws:ssm:eu-west-1:123456789012:session/$${aws:userid}-*"]])
    error_message = "Nobody takes up another's session."
  }
}

run "refuses" {
  command = plan

  variables {
    instance_arn       = "arn:aws:ec2:eu-west-1:123456789012:instance/*"
    log_retention_days = 7
    key_arn            = "alias/aws/ssm"
  }

  expect_failures = [var.instance_arn, var.log_retention_days, var.key_arn]
}
