# How people reach the machine: Systems Manager knows who they are, and which of three doors they opened. What is typed in a shell is
# kept; what goes through a forwarded port is not, AWS logs only that it was opened. The doors are documents of ours: the account's
# own settings for sessions, which other systems share, stay as they are.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name

  a_port = "^(102[4-9]|10[3-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"

  documents = {
    # Root on the machine, by sudo: every container's secrets are in its reach.
    shell = jsonencode({
      schemaVersion = "1.0"
      description   = "A shell on the Spark server's machine; all that it shows is kept"
      sessionType   = "Standard_Stream"
      inputs = {
        cloudWatchLogGroupName      = aws_cloudwatch_log_group.this.name
        cloudWatchEncryptionEnabled = true
        cloudWatchStreamingEnabled  = true
        idleSessionTimeout          = "20"  # minutes
        maxSessionDuration          = "480" # minutes: a day's work, not a door left open
      }
    })

    database = jsonencode({
      schemaVersion = "1.0"
      description   = "A port of one's own computer that is PostgreSQL's"
      sessionType   = "Port"
      parameters    = { localPortNumber = { type = "String", description = "Port on one's own computer", allowedPattern = local.a_port, default = "5433" } }
      properties    = { type = "LocalPortForwarding", host = var.database_host, portNumber = "5432", localPortNumber = "{{ localPortNumber }}" }
    })

    spark = jsonencode({
      schemaVersion = "1.0"
      description   = "A port of one's own computer that is the Spark server's: Thrift (10000) or Connect (15002)"
      sessionType   = "Port"
      parameters = {
        portNumber      = { type = "String", description = "Port of the server", allowedPattern = "^(10000|15002)$", default = "10000" }
        localPortNumber = { type = "String", description = "Port on one's own computer", allowedPattern = local.a_port, default = "10000" }
      }
      properties = { type = "LocalPortForwarding", portNumber = "{{ portNumber }}", localPortNumber = "{{ localPortNumber }}" }
    })
  }

  # Who may open which, for roles or groups that are none of ours to make.
  people = { operator = ["database", "shell", "spark"], sql = ["spark"] }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/sessions"
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_ssm_document" "this" {
  for_each = local.documents

  name            = "${var.name}-${each.key}"
  document_type   = "Session"
  document_format = "JSON"
  content         = each.value
}

resource "aws_iam_policy" "this" {
  for_each = local.people

  name        = "${var.name}-${each.key}"
  description = "Sessions on the Spark server's machine: ${join(", ", each.value)}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Start"
        Effect   = "Allow"
        Action   = ["ssm:StartSession"]
        Resource = concat([var.instance_arn], [for door in each.value : aws_ssm_document.this[door].arn])
        # Without it a session that names no document is let through unasked, with the account's own settings.
        Condition = { BoolIfExists = { "ssm:SessionDocumentAccessCheck" = "true" } }
      },
      {
        Sid      = "OwnSessions"
        Effect   = "Allow"
        Action   = ["ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"]
        Resource = ["arn:aws:ssm:${local.region}:${local.account}:session/$${aws:userid}-*"] # a session begins with whose it is
      },
    ]
  })
}

# The machine's agent writes the log, and looks first whether it is encrypted.
resource "aws_iam_role_policy" "log" {
  name = "log-of-sessions"
  role = var.instance_role_name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] # its streams
      },
      {
        Sid      = "Look"
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"]
        Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:*"]
      },
    ]
  })
}
