# One machine that runs the Spark server, and beside it the jobs. They share its loopback, where the server listens, and its disk. Each
# is a user of its own with process ids of its own: none sees another's environment (docs/decisions/0017-where-spark-runs-on-aws.md).

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  cluster = "${var.name}-spark"

  folder = "/var/lib/comporta" # on the machine; the same path in the containers
  group  = 10001               # whose VAR_DIR is

  # Users of the image (Dockerfile).
  users = { for name, uid in {
    spark = 10001, ingest = 10002, gate = 10003, build = 10004, release = 10005, site = 10006, publish = 10007, master = 10008, worker = 10009
  } : name => "${uid}:${local.group}" }

  image = local.images["comporta"]
  environment = merge(var.environment, {
    VAR_DIR      = local.folder
    SPARK_MASTER = var.workers == null ? var.spark_master : "spark://${aws_instance.this.private_ip}:7077"
    SPARK_MEMORY = var.spark_memory
  })
  # Spark's own variable; of the server alone, as the secret is.
  driver = var.workers == null ? {} : { SPARK_EXECUTOR_MEMORY = var.workers.executor_memory }
}

# --- Images --------------------------------------------------------------------------------------------------------------------

resource "aws_ecr_repository" "this" {
  for_each = toset(["comporta", "aws-cli"])

  name                 = "${var.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.destroyable

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key_arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "The last twenty, so that an upgrade can be taken back"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
      action       = { type = "expire" }
    }]
  })
}

# --- The machine ---------------------------------------------------------------------------------------------------------------

resource "aws_security_group" "this" {
  name        = local.cluster
  description = "The Spark server: nobody comes in, it reaches AWS and the database"
  vpc_id      = var.vpc_id

  tags = { Name = local.cluster }
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id = aws_security_group.this.id
  description       = "Endpoints of AWS"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.this.id
  description       = "S3 through its gateway endpoint"
  prefix_list_id    = var.s3_prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "database" {
  security_group_id = aws_security_group.this.id
  description       = "PostgreSQL"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}

resource "aws_iam_role" "instance" {
  name = "${local.cluster}-instance"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# AWS's own lists of what its agents call: ECS to take tasks, Systems Manager to forward ports to people.
resource "aws_iam_role_policy_attachment" "instance" {
  for_each = toset(["service-role/AmazonEC2ContainerServiceforEC2Role", "AmazonSSMManagedInstanceCore"])

  role       = aws_iam_role.instance.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

resource "aws_iam_instance_profile" "this" {
  name = local.cluster
  role = aws_iam_role.instance.name
}

resource "aws_ebs_volume" "this" {
  availability_zone = var.availability_zone
  type              = "gp3"
  size              = var.volume_gb
  encrypted         = true
  kms_key_id        = var.key_arn

  tags = { Name = "${local.cluster}-var" }
}

resource "aws_instance" "this" {
  ami                     = var.ami_id == null ? data.aws_ssm_parameter.ami[0].insecure_value : var.ami_id
  instance_type           = var.instance_type
  subnet_id               = var.subnet_id
  vpc_security_group_ids  = [aws_security_group.this.id]
  iam_instance_profile    = aws_iam_instance_profile.this.name
  disable_api_termination = !var.destroyable
  monitoring              = true
  ebs_optimized           = true

  user_data = templatefile("${path.module}/user_data.sh", {
    volume  = replace(aws_ebs_volume.this.id, "-", "")
    folder  = local.folder
    owner   = local.users.spark
    cluster = aws_ecs_cluster.this.name
    agent   = jsonencode(local.agent)
  })

  metadata_options {
    # Containers share the machine's network, so that a hop limit keeps none of them away: user_data.sh does.
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    http_protocol_ipv6          = "disabled"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 50
    encrypted   = true
    kms_key_id  = var.key_arn
  }

  tags = { Name = local.cluster }

  lifecycle {
    ignore_changes = [ami, user_data] # a newer image is taken by -replace, when nothing runs, not by any apply
  }

  depends_on = [aws_iam_role_policy_attachment.instance]
}

resource "aws_volume_attachment" "this" {
  device_name                    = "/dev/sdf"
  volume_id                      = aws_ebs_volume.this.id
  instance_id                    = aws_instance.this.id
  stop_instance_before_detaching = true
}

# --- The server ----------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "server" {
  name              = "/${var.name}/spark"
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

resource "aws_ecs_task_definition" "server" {
  family                   = local.cluster
  requires_compatibilities = ["EC2"]
  network_mode             = "host"
  task_role_arn            = var.task_role_arn
  execution_role_arn       = var.execution_role_arn
  skip_destroy             = !var.destroyable # the one before is what a failed deployment goes back to

  volume {
    name      = "var"
    host_path = local.folder
  }

  container_definitions = jsonencode([{
    name                   = "comporta"
    image                  = local.image
    essential              = true
    user                   = local.users.spark
    command                = ["docker/serve.sh"] # starts the server, follows its log, and closes Derby in good order when ECS asks
    memoryReservation      = 2048                # the heap takes what SPARK_MEMORY says; no limit, so that a large sort ends in a slow job rather than in none
    readonlyRootFilesystem = true
    stopTimeout            = 90
    environment            = [for key, value in merge(local.environment, local.driver) : { name = key, value = value }]
    secrets                = var.workers == null ? [] : [{ name = "SPARK_SECRET", valueFrom = var.workers.secret_arn }]
    mountPoints            = [{ sourceVolume = "var", containerPath = local.folder, readOnly = false }]
    dockerSecurityOptions  = ["no-new-privileges"]
    linuxParameters        = { capabilities = { drop = ["ALL"] }, tmpfs = [{ containerPath = "/tmp", size = 1024 }] }
    healthCheck = {
      command     = ["CMD", "python", "-W", "ignore", "-m", "docker.healthy"]
      interval    = 60
      timeout     = 30
      retries     = 3
      startPeriod = 240
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.server.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "server"
      }
    }
  }])
}

# None before its image is there: ECS gives a first deployment up after three failed starts, for good, and an earlier one that had
# nothing to start would be what it goes back to.
resource "aws_ecs_service" "server" {
  count = var.image_tag == null ? 0 : 1

  name            = "spark"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.server.arn
  launch_type     = "EC2"
  desired_count   = 1

  # The old server ends before the new one starts: Derby takes one process, and so do the ports.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  depends_on = [aws_volume_attachment.this]
}

# --- Copies of the disk --------------------------------------------------------------------------------------------------------

resource "aws_backup_vault" "this" {
  name          = local.cluster
  kms_key_arn   = var.key_arn
  force_destroy = var.destroyable
}

resource "aws_iam_role" "backup" {
  name = "${local.cluster}-backup"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/${each.key}"
}

resource "aws_backup_plan" "this" {
  name = local.cluster

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = "cron(0 0 * * ? *)" # before the nightly run; a copy of a disk is of one moment, and Derby starts from any
    start_window      = 60
    completion_window = 180

    lifecycle {
      delete_after = var.backup_days
    }
  }
}

resource "aws_backup_selection" "this" {
  name         = "var"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [aws_ebs_volume.this.arn]
}

# --- Alarms --------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "machine" {
  alarm_name          = "${local.cluster}-machine"
  alarm_description   = "The machine does not answer. EC2 moves it to other hardware by itself; if this lasts for 15 minutes see docs/aws.md, Restore."
  namespace           = "AWS/EC2"
  metric_name         = "StatusCheckFailed"
  dimensions          = { InstanceId = aws_instance.this.id }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "server" {
  count = length(aws_ecs_service.server)

  alarm_name          = "${local.cluster}-server"
  alarm_description   = "No Spark server for ten minutes: readers see nothing. The last lines of its log group say why."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.server[0].name }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
