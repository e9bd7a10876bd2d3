# PostgreSQL on RDS, in private subnets. Its owner's password is made and kept by RDS: it never passes through Terraform.

locals {
  identifier = "${var.name}-postgres"
}

resource "aws_db_subnet_group" "this" {
  name       = local.identifier
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.identifier}-"
  family      = "postgres${split(".", var.engine_version)[0]}"
  description = "Logical replication for change streams, TLS only, slow statements logged"

  # For streams of changes; ingestion by snapshots works without it.
  parameter {
    name         = "rds.logical_replication"
    value        = "1"
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # A slot that nobody reads would otherwise fill the disk with WAL and stop the shop. Its reader then begins anew.
  parameter {
    name  = "max_slot_wal_keep_size"
    value = "10240" # MB
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "5000" # ms
  }

  parameter {
    name  = "log_connections"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true # a group in use can't be removed
  }
}

resource "aws_security_group" "this" {
  name        = local.identifier
  description = "PostgreSQL from the groups that are named"
  vpc_id      = var.vpc_id

  tags = { Name = local.identifier }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

# Made before RDS makes it itself, which would keep everything for ever, unencrypted.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${local.identifier}/${each.key}"
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "monitoring" {
  name = "${local.identifier}-monitoring"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157: A setting: multi_az is on in prod, and dev does without the second instance.
  #checkov:skip=CKV_AWS_293: A setting: deletion_protection is on unless an environment that holds nothing of worth turns it off.
  identifier     = local.identifier
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  db_name        = "shop"
  username       = "postgres" # what RDS itself proposes: other words may be reserved

  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.key_arn

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb.initial
  max_allocated_storage = var.storage_gb.most
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  iam_database_authentication_enabled = true

  backup_retention_period   = var.backup_days
  backup_window             = var.backup_window
  maintenance_window        = var.maintenance_window
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = "${local.identifier}-last"

  auto_minor_version_upgrade = true
  apply_immediately          = false

  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.key_arn
  performance_insights_retention_period = 7

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.monitoring]
}

# SOURCE_DSN of the role that reads and nothing else (ingestion/sources/postgres/role.sql). Only the place of it: whoever makes the role
# puts the value there (docs/aws.md), so that it stands in no state file.
resource "aws_secretsmanager_secret" "ingestion" {
  #checkov:skip=CKV2_AWS_57: A function that changes the password of a role would be more to guard than the role, which can only read. docs/aws.md says how to change it by hand.
  name                    = "${var.name}/ingestion-dsn"
  description             = "SOURCE_DSN of the role that ingestion reads with"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

# --- Alarms --------------------------------------------------------------------------------------------------------------------

locals {
  gigabyte = 1000000000

  alarms = {
    storage = {
      metric     = "FreeStorageSpace"
      comparison = "LessThanThreshold"
      threshold  = var.storage_gb.initial * 0.1 * local.gigabyte
      says       = "Less than a tenth of the first disk is free. RDS grows it up to storage_gb.most; after that the database stops."
    }
    cpu = {
      metric     = "CPUUtilization"
      comparison = "GreaterThanThreshold"
      threshold  = 90
      says       = "Busy for a quarter of an hour. Lower source_connections, or take a larger instance_class."
    }
    slot = {
      metric     = "OldestReplicationSlotLag"
      comparison = "GreaterThanThreshold"
      threshold  = 5 * local.gigabyte
      says       = "A replication slot is 5 GB behind. Start its reader again, or drop it: at 10 GB it is lost."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.identifier}-${each.key}"
  alarm_description   = each.value.says
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = aws_db_instance.this.identifier }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching" # without a slot there is no lag to tell
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
