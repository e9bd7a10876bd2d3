# A standalone Spark cluster: a master beside the server, which is its only driver, and a group of machines with one worker each. All of
# them know each other by a secret, and what passes between them is encrypted.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  cluster = "${var.name}-workers"
  master  = "spark://${var.server.private_ip}:7077"

  # docker/cluster.py and lakehouse/servers/cluster.py say the ports; a port in use moves up by one, sixteen times at most.
  ports = {
    master   = { from = 7077, to = 7077, description = "Spark's master" }
    driver   = { from = 7090, to = 7107, description = "The server, as driver" }
    worker   = { from = 7078, to = 7078, description = "The worker" }
    executor = { from = 7100, to = 7116, description = "Executors, for blocks of shuffles" }
  }
}

# Only the place of it: whoever sets the cluster up puts a value there (docs/aws.md), so that it stands in no state file.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57: A new value means that server, master and workers start anew, all at once. docs/aws.md says how to do it by hand.
  name                    = "${var.name}/spark-secret"
  description             = "SPARK_SECRET, by which the server, the master and the workers know each other"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.destroyable ? 0 : 30
}

# --- Who reaches whom ----------------------------------------------------------------------------------------------------------

resource "aws_security_group" "this" {
  name        = local.cluster
  description = "Workers: the server and other workers come in, they reach those, AWS and the database"
  vpc_id      = var.vpc_id

  tags = { Name = local.cluster }
}

# Workers come to the master and to the driver.
resource "aws_vpc_security_group_ingress_rule" "server" {
  for_each = { for name in ["master", "driver"] : name => local.ports[name] }

  security_group_id            = var.server.security_group_id
  description                  = "${each.value.description}, from workers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.from
  to_port                      = each.value.to
}

resource "aws_vpc_security_group_egress_rule" "to_server" {
  for_each = { for name in ["master", "driver"] : name => local.ports[name] }

  security_group_id            = aws_security_group.this.id
  description                  = each.value.description
  referenced_security_group_id = var.server.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.from
  to_port                      = each.value.to
}

# The master comes to workers; the driver, and other executors, to executors.
resource "aws_vpc_security_group_ingress_rule" "from_server" {
  for_each = { for name in ["worker", "executor"] : name => local.ports[name] }

  security_group_id            = aws_security_group.this.id
  description                  = "${each.value.description}, from the server's machine"
  referenced_security_group_id = var.server.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.from
  to_port                      = each.value.to
}

resource "aws_vpc_security_group_egress_rule" "server" {
  for_each = { for name in ["worker", "executor"] : name => local.ports[name] }

  security_group_id            = var.server.security_group_id
  description                  = "${each.value.description} of workers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.from
  to_port                      = each.value.to
}

resource "aws_vpc_security_group_ingress_rule" "executors" {
  security_group_id            = aws_security_group.this.id
  description                  = "${local.ports.executor.description}, from other workers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.ports.executor.from
  to_port                      = local.ports.executor.to
}

resource "aws_vpc_security_group_egress_rule" "executors" {
  security_group_id            = aws_security_group.this.id
  description                  = "${local.ports.executor.description} of other workers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.ports.executor.from
  to_port                      = local.ports.executor.to
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  for_each = { "Endpoints of AWS" = 443, "PostgreSQL" = 5432 }

  security_group_id = aws_security_group.this.id
  description       = each.key
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.this.id
  description       = "S3 through its gateway endpoint"
  prefix_list_id    = var.s3_prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# --- Machines ------------------------------------------------------------------------------------------------------------------

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

# AWS's own list of what the agent of ECS calls.
resource "aws_iam_role_policy_attachment" "instance" {
  role       = aws_iam_role.instance.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}

resource "aws_iam_instance_profile" "this" {
  name = local.cluster
  role = aws_iam_role.instance.name
}

resource "aws_launch_template" "this" {
  name                   = local.cluster
  image_id               = var.ami_id == null ? data.aws_ssm_parameter.ami[0].insecure_value : var.ami_id
  instance_type          = var.instance_type
  update_default_version = true
  ebs_optimized          = true

  user_data = base64encode(templatefile("${path.module}/user_data.sh", {
    folder  = var.job.folder
    owner   = var.job.users.worker
    cluster = aws_ecs_cluster.this.name
  }))

  iam_instance_profile {
    name = aws_iam_instance_profile.this.name
  }

  network_interfaces {
    associate_public_ip_address = false
    security_groups             = [aws_security_group.this.id]
  }

  metadata_options {
    # Containers share the machine's network, so that a hop limit keeps none of them away: user_data.sh does.
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    http_protocol_ipv6          = "disabled"
  }

  monitoring {
    enabled = true
  }

  # For what is spilled and staged, and the only disk: nothing on a worker is to be kept.
  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = var.volume_gb
      encrypted   = true
      kms_key_id  = var.key_arn
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = local.cluster }
  }
}

resource "aws_autoscaling_group" "this" {
  name                    = local.cluster
  min_size                = var.size.least
  max_size                = var.size.most
  vpc_zone_identifier     = [var.subnet_id] # the server's zone: shuffles between zones are paid for by the gigabyte
  default_instance_warmup = 300
  health_check_type       = "EC2"
  service_linked_role_arn = aws_iam_service_linked_role.autoscaling.arn

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  tag {
    key                 = "Name"
    value               = local.cluster
    propagate_at_launch = true
  }

  depends_on = [aws_iam_role_policy_attachment.instance, aws_kms_grant.disks]
}

# A worker that goes takes blocks of shuffles with it, which are made again: so it grows soon and shrinks late.
resource "aws_autoscaling_policy" "busy" {
  name                   = "${local.cluster}-busy"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

# The role that makes machines, which must be able to use our key for their disks. The account's own is there only once it had a group.
resource "aws_iam_service_linked_role" "autoscaling" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = local.cluster
  description      = "Makes the machines of ${local.cluster}"
}

resource "aws_kms_grant" "disks" {
  name              = local.cluster
  key_id            = var.key_arn
  grantee_principal = aws_iam_service_linked_role.autoscaling.arn
  operations = [
    "CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
  ]
}

# --- Who needs somebody --------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "workers" {
  alarm_name          = "${local.cluster}-none"
  alarm_description   = "No Spark worker for ten minutes: whatever asks the server waits. See the log group of the workers and the activity of the group."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.worker.name }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
