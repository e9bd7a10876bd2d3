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
  image_tag          = "0.1.0"
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
    condition     = strcontains(aws_instance.this.user_data, "to 169.254.169.254/32 uidrange 1-4294967294 prohibit") && strcontains(aws_instance.this.user_data, "RequiredBy=ecs.service")
    error_message = "No container starts where containers, which are never root, could ask for the machine's credentials."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_protocol_ipv6 == "disabled"
    error_message = "Metadata has no second address."
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
    condition     = one(aws_ecs_service.server).desired_count == 1 && one(aws_ecs_service.server).deployment_minimum_healthy_percent == 0 && one(aws_ecs_service.server).deployment_maximum_percent == 100
    error_message = "There is one server at a time: Derby takes one process."
  }

  assert {
    condition     = one(one(aws_ecs_service.server).deployment_circuit_breaker).rollback && aws_ecs_task_definition.server.skip_destroy
    error_message = "A new image that does not start gives way to the one before, which is still known."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].readonlyRootFilesystem && !try(jsondecode(aws_ecs_task_definition.server.container_definitions)[0].privileged, false)
    error_message = "The server writes to VAR_DIR and /tmp only."
  }

  assert {
    condition     = length(distinct(values(local.users))) == length(local.users) && alltrue([for user in values(local.users) : endswith(user, ":10001") && !startswith(user, "0")])
    error_message = "The server and each job are users of their own, of one group, and none is root."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].user == local.users.spark && aws_ecs_task_definition.server.pid_mode == null
    error_message = "No job sees the server's process."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"] && jsondecode(aws_ecs_task_definition.server.container_definitions)[0].dockerSecurityOptions == ["no-new-privileges"]
    error_message = "The server has no capability, and gets none by running a program."
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

run "alone" {
  assert {
    condition     = length(jsondecode(aws_ecs_task_definition.server.container_definitions)[0].secrets) == 0
    error_message = "Without workers the server is handed no secret."
  }
}

run "with_workers" {
  variables {
    workers = { secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:spark", executor_memory = "6g" }
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.server.container_definitions)[0].secrets == [{ name = "SPARK_SECRET", valueFrom = var.workers.secret_arn }]
    error_message = "The server is handed the cluster's secret by its place."
  }

  assert {
    condition     = output.job.environment.SPARK_MASTER == "spark://${aws_instance.this.private_ip}:7077" && !contains(keys(output.job.environment), "SPARK_SECRET")
    error_message = "The master is beside the server, and jobs don't know the secret."
  }
}

run "refuses_two_clusters" {
  command = plan

  variables {
    workers      = { secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:spark", executor_memory = "6 GB" }
    spark_master = "spark://10.0.0.1:7077"
  }

  expect_failures = [var.workers]
}

run "copies" {
  assert {
    condition     = aws_backup_vault.this.kms_key_arn == var.key_arn && one(one(aws_backup_plan.this.rule).lifecycle).delete_after == 14 && one(aws_backup_selection.this.resources) == aws_ebs_volume.this.arn
    error_message = "The disk is copied daily, encrypted, for a time."
  }
}

run "the_image_is_named_by_its_digest" {
  assert {
    condition = alltrue([for image in concat(values(output.images), [output.job.image, jsondecode(aws_ecs_task_definition.server.container_definitions)[0].image]) :
    endswith(image, "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")])
    error_message = "What was looked up when the plan was made is what runs."
  }

  assert {
    condition     = { for name, image in data.aws_ecr_image.this : name => image.image_tag } == { comporta = "0.1.0", aws-cli = "2.27.0" }
    error_message = "Both tags are looked up, so that one that was never pushed is refused."
  }
}

run "the_first_apply_comes_before_the_image" {
  variables {
    image_tag = null
  }

  assert {
    condition     = length(aws_ecs_service.server) == 0 && length(aws_cloudwatch_metric_alarm.server) == 0 && length(data.aws_ecr_image.this) == 0
    error_message = "Without an image nothing is looked up, no server is tried, and no alarm rings that there is none."
  }

  assert {
    condition     = endswith(output.job.image, ":not-pushed-yet") && length(aws_ecr_repository.this) == 2
    error_message = "The repositories are there to be pushed to, and who starts a job too early reads why it fails."
  }
}

run "room_and_memory_are_told" {
  assert {
    condition = { for name, a in aws_cloudwatch_metric_alarm.full : name => [a.namespace, a.metric_name, lookup(a.dimensions, "path", "")] } == {
      room = ["Comporta", "disk_used_percent", "/var/lib/comporta"], system = ["Comporta", "disk_used_percent", "/"], memory = ["Comporta", "mem_used_percent", ""]
    }
    error_message = "The disk of VAR_DIR, the machine's own disk, and its memory."
  }

  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.full : a.treat_missing_data == "breaching" && a.alarm_actions == toset([var.alarm_topic_arn]) && a.comparison_operator == "GreaterThanThreshold" && a.threshold < 95])
    error_message = "Nothing told is an alarm too, and there is room left when it rings."
  }

  assert {
    condition     = jsondecode(regex("comporta-agent.json <<'EOF'\n(.*)\nEOF", aws_instance.this.user_data)[0]) == local.agent && strcontains(aws_instance.this.user_data, "dnf install -q -y amazon-cloudwatch-agent")
    error_message = "The machine is told what to tell."
  }

  assert {
    condition     = local.agent.metrics.namespace == "Comporta" && local.agent.metrics.append_dimensions.InstanceId == "$${aws:InstanceId}" && contains(local.agent.metrics.metrics_collected.disk.resources, "/var/lib/comporta") && local.agent.metrics.aggregation_dimensions == [["InstanceId", "path"]]
    error_message = "It tells under the names that the alarms listen to."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.metrics.policy).Statement : s.Condition.StringEquals["cloudwatch:namespace"] if s.Action == ["cloudwatch:PutMetricData"]] == ["Comporta"]
    error_message = "The machine may tell, under that name."
  }
}

run "refuses" {
  command = plan

  variables {
    instance_type = "t3.medium"
    volume_gb     = 8
    image_tag     = "latest"
    aws_cli_tag   = "latest"
    environment   = { SOURCE_DSN = "postgresql://u:p@h/d" }
    spark_memory  = "8 GB"
    spark_master  = "yarn"
    backup_days   = 1
  }

  expect_failures = [
    var.instance_type, var.volume_gb, var.image_tag, var.aws_cli_tag, var.environment, var.spark_memory, var.spark_master, var.backup_days,
  ]
}
