mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "comporta-test"
  key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  vpc_id             = "vpc-1"
  vpc_cidr           = "10.40.0.0/20"
  subnet_id          = "subnet-1"
  availability_zone  = "eu-west-1a"
  s3_prefix_list_id  = "pl-1"
  environment        = { LAKE_URL = "s3://bucket/lake" }
  task_role_arn      = "arn:aws:iam::123456789012:role/spark"
  execution_role_arn = "arn:aws:iam::123456789012:role/start"
  alarm_topic_arn    = "arn:aws:sns:eu-west-1:123456789012:alarms"
}

run "machine" {
  assert {
    condition     = aws_ebs_volume.this.encrypted && aws_ebs_volume.this.kms_key_id == var.key_arn && aws_instance.this.root_block_device[0].encrypted
    error_message = "Disks are encrypted with our key."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The machine's credentials are given out by tokens only."
  }

  assert {
    condition     = aws_instance.this.disable_api_termination
    error_message = "By default the machine can't be terminated."
  }

  assert {
    condition     = length(aws_security_group.this.ingress) == 0
    error_message = "Nobody comes in: people forward ports by Systems Manager."
  }

  assert {
    condition = alltrue([for r in [aws_vpc_security_group_egress_rule.endpoints, aws_vpc_security_group_egress_rule.database] :
    r.cidr_ipv4 == var.vpc_cidr]) && aws_vpc_security_group_egress_rule.s3.prefix_list_id == "pl-1"
    error_message = "The machine reaches the VPC and S3."
  }

  assert {
    condition     = strcontains(aws_instance.this.user_data, "vol0123456789abcdef0")
    error_message = "The machine mounts the volume."
  }
}

run "server" {
  assert {
    condition     = aws_ecs_service.server.desired_count == 1 && aws_ecs_service.server.deployment_minimum_healthy_percent == 0 && aws_ecs_service.server.deployment_maximum_percent == 100
    error_message = "There is one server at a time: Derby takes one process."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].readonlyRootFilesystem && !try(jsondecode(aws_ecs_task_definition.server.container_definitions)[0].privileged, false)
    error_message = "The server writes to VAR_DIR and /tmp only."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].user != "0"
    error_message = "The server is not root."
  }

  assert {
    condition     = { for e in jsondecode(aws_ecs_task_definition.server.container_definitions)[0].environment : e.name => e.value }["LAKE_URL"] == "s3://bucket/lake"
    error_message = "The server knows the lake."
  }

  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.image_tag_mutability == "IMMUTABLE" && r.encryption_configuration[0].encryption_type == "KMS" && r.image_scanning_configuration[0].scan_on_push])
    error_message = "A tag always means the same image; images are encrypted and scanned."
  }

  assert {
    condition     = aws_cloudwatch_log_group.server.kms_key_id == var.key_arn && aws_cloudwatch_log_group.server.retention_in_days == 365
    error_message = "The log is encrypted and kept for a time."
  }
}

run "copies" {
  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.key_arn && one(one(aws_backup_plan.this.rule).lifecycle).delete_after == 14 && one(aws_backup_selection.this.resources) == aws_ebs_volume.this.arn
    error_message = "The disk is copied daily, encrypted, for a time."
  }
}

run "refuses" {
  command = plan

  variables {
    instance_type = "t3.medium"
    volume_gb     = 8
    image_tag     = "latest"
    environment   = { SOURCE_DSN = "postgresql://u:p@h/d" }
    spark_memory  = "8 GB"
    spark_master  = "yarn"
    backup_days   = 1
  }

  expect_failures = [
    var.instance_type, var.volume_gb, var.image_tag, var.environment, var.spark_memory, var.spark_master, var.backup_days,
  ]
}
