# The same image as everywhere: a master beside the server, and a worker on each machine of the group.

locals {
  environment = [for name, value in { AWS_REGION = local.region, VAR_DIR = var.job.folder } : { name = name, value = value }]

  # What both have of a container.
  container = {
    image                  = var.job.image
    essential              = true
    memoryReservation      = 512
    readonlyRootFilesystem = true
    stopTimeout            = 60
    dockerSecurityOptions  = ["no-new-privileges"]
    linuxParameters        = { capabilities = { drop = ["ALL"] }, tmpfs = [{ containerPath = "/tmp", size = 1024 }] }
    mountPoints            = [{ sourceVolume = "var", containerPath = var.job.folder, readOnly = false }]
    secrets                = [{ name = "SPARK_SECRET", valueFrom = aws_secretsmanager_secret.this.arn }] # into its environment, never among arguments
    environment            = local.environment
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "cluster"
      }
    }
  }

  python = ["python", "-W", "ignore", "-m", "docker.cluster"]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/workers"
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "this" {
  name = local.cluster

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "this" {
  for_each = {
    master = { command = ["master", "--host", var.server.private_ip], role = null }
    worker = { command = ["worker", local.master], role = var.task_role_arn } # executors do what the server does
  }

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["EC2"]
  network_mode             = "host"
  task_role_arn            = each.value.role
  execution_role_arn       = aws_iam_role.starter.arn

  volume {
    name      = "var"
    host_path = var.job.folder
  }

  container_definitions = jsonencode([merge(local.container, {
    name    = each.key
    user    = var.job.users[each.key]
    command = concat(local.python, each.value.command)
  })])
}

resource "aws_ecs_service" "master" {
  name            = "master"
  cluster         = var.server.cluster_arn
  task_definition = aws_ecs_task_definition.this["master"].arn
  launch_type     = "EC2"
  desired_count   = 1

  deployment_minimum_healthy_percent = 0 # one port
  deployment_maximum_percent         = 100
}

resource "aws_ecs_service" "worker" {
  name                = "worker"
  cluster             = aws_ecs_cluster.this.id
  task_definition     = aws_ecs_task_definition.this["worker"].arn
  launch_type         = "EC2"
  scheduling_strategy = "DAEMON" # one on each machine, whenever one comes
}

# --- What starts them ----------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "starter" {
  name = "${local.cluster}-start"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

locals {
  secret = [
    { Sid = "Secret", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [aws_secretsmanager_secret.this.arn] },
    { Sid = "SecretKey", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.key_arn] },
  ]
}

resource "aws_iam_role_policy" "starter" {
  name = "start"
  role = aws_iam_role.starter.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.secret, [
      # The one call of these that AWS gives no resource to (Service Authorization Reference, ECR).
      { Sid = "Login", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Sid    = "Image", Effect = "Allow", Resource = var.repository_arns
        Action = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      },
      {
        Sid    = "Log", Effect = "Allow", Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] # its streams
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      },
    ])
  })
}

# The server is handed the secret by the role that starts it.
resource "aws_iam_role_policy" "server" {
  name = "spark-secret"
  role = var.server.starter_role_name

  policy = jsonencode({ Version = "2012-10-17", Statement = local.secret })
}
