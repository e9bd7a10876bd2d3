mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                      = "comporta-test"
  key_arn                   = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { spark = "sg-1" }
  alarm_topic_arn           = "arn:aws:sns:eu-west-1:123456789012:alarms"
}

run "encrypted_private_and_kept" {
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.key_arn && aws_db_instance.this.performance_insights_kms_key_id == var.key_arn
    error_message = "The disk and what Performance Insights keeps are encrypted with our key."
  }

  assert {
    condition     = !aws_db_instance.this.publicly_accessible
    error_message = "The database is not public."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.backup_retention_period >= 7
    error_message = "By default the database can't be deleted, and has backups."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS makes the owner's password; Terraform never sees one."
  }

  assert {
    condition     = length(aws_db_instance.this.enabled_cloudwatch_logs_exports) == 2 && alltrue([for g in aws_cloudwatch_log_group.this : g.kms_key_id == var.key_arn && g.retention_in_days >= 30])
    error_message = "Logs are kept outside of the database, encrypted, for a time."
  }

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.clients : r.cidr_ipv4 == null && r.from_port == 5432 && r.to_port == 5432])
    error_message = "Only named security groups come in, and only to PostgreSQL."
  }
}

run "parameters" {
  assert {
    condition     = { for p in aws_db_parameter_group.this.parameter : p.name => p.value }["rds.logical_replication"] == "1"
    error_message = "Changes can be streamed."
  }

  assert {
    condition     = { for p in aws_db_parameter_group.this.parameter : p.name => p.value }["rds.force_ssl"] == "1"
    error_message = "TLS only."
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres17"
    error_message = "The group's family is that of the engine."
  }
}

run "an_environment_of_no_worth_goes_at_once" {
  variables {
    deletion_protection = false
    engine_version      = "16.4"
  }

  assert {
    condition     = aws_db_instance.this.skip_final_snapshot && aws_secretsmanager_secret.ingestion.recovery_window_in_days == 0 && aws_db_parameter_group.this.family == "postgres16"
    error_message = "Nothing is left behind."
  }
}

run "refuses" {
  command = plan

  variables {
    backup_days        = 1
    engine_version     = "9.6"
    instance_class     = "t4g.micro"
    subnet_ids         = ["subnet-1"]
    storage_gb         = { initial = 100, most = 100 }
    log_retention_days = 7
    key_arn            = "alias/aws/rds"
    backup_window      = "1-2"
    maintenance_window = "02:30-03:30"
  }

  expect_failures = [
    var.backup_days, var.engine_version, var.instance_class, var.subnet_ids, var.storage_gb, var.log_retention_days, var.key_arn,
    var.backup_window, var.maintenance_window,
  ]
}
