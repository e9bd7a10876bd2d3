mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name              = "comporta-test"
  key_arn           = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  vpc_id            = "vpc-1"
  vpc_cidr          = "10.40.0.0/20"
  subnet_id         = "subnet-1"
  s3_prefix_list_id = "pl-1"
  repository_arns   = ["arn:aws:ecr:eu-west-1:123456789012:repository/comporta"]
  task_role_arn     = "arn:aws:iam::123456789012:role/spark"
  alarm_topic_arn   = "arn:aws:sns:eu-west-1:123456789012:alarms"
  instance_type     = "m7i.xlarge"
  size              = { least = 1, most = 4 }
  job               = { image = "repository:1", users = { master = "10008:10001", worker = "10009:10001" }, folder = "/var/lib/comporta" }
  server = {
    private_ip        = "10.40.0.9"
    security_group_id = "sg-server"
    cluster_arn       = "arn:aws:ecs:eu-west-1:123456789012:cluster/comporta-test-spark"
    starter_role_name = "comporta-test-start-server"
  }
}

run "doors" {
  assert {
    condition = alltrue([for name, from in aws_vpc_security_group_ingress_rule.server :
      from.security_group_id == "sg-server" && from.referenced_security_group_id == aws_security_group.this.id &&
      aws_vpc_security_group_egress_rule.to_server[name].from_port == from.from_port && aws_vpc_security_group_egress_rule.to_server[name].to_port == from.to_port
    ]) && join(",", keys(aws_vpc_security_group_ingress_rule.server)) == "driver,master"
    error_message = "Workers reach the master and the driver, both ends of it open, and nothing else of the server's machine: not Thrift, not Connect."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.server : rule.to_port < 10000 && rule.from_port > 4040])
    error_message = "Neither Spark's page nor Thrift nor Connect is open."
  }

  assert {
    condition = alltrue([for name, into in aws_vpc_security_group_ingress_rule.from_server :
      into.referenced_security_group_id == "sg-server" && into.from_port == aws_vpc_security_group_egress_rule.server[name].from_port
    ]) && aws_vpc_security_group_egress_rule.server["executor"].to_port == 7116
    error_message = "The server's machine reaches workers and executors."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.executors.referenced_security_group_id == aws_security_group.this.id && aws_vpc_security_group_egress_rule.executors.from_port == 7100
    error_message = "Executors fetch blocks of each other."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.aws : rule.cidr_ipv4 == var.vpc_cidr]) && aws_vpc_security_group_egress_rule.s3.prefix_list_id == "pl-1"
    error_message = "A worker reaches the VPC and S3."
  }
}

run "secret" {
  assert {
    condition     = aws_secretsmanager_secret.this.kms_key_id == var.key_arn && aws_secretsmanager_secret.this.recovery_window_in_days == 30
    error_message = "The secret is encrypted with our key and can be had back."
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.this : jsondecode(d.container_definitions)[0].secrets == [{ name = "SPARK_SECRET", valueFrom = aws_secretsmanager_secret.this.arn }]])
    error_message = "Master and workers are handed it by its place."
  }

  assert {
    condition     = alltrue([for p in [aws_iam_role_policy.starter, aws_iam_role_policy.server] : contains([for s in jsondecode(p.policy).Statement : s.Resource[0] if s.Sid == "Secret"], aws_secretsmanager_secret.this.arn)])
    error_message = "Who starts them, and who starts the server, may read it."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.starter.policy).Statement : !contains(s.Resource, "*") if s.Sid != "Login"])
    error_message = "Resources are named."
  }
}

run "containers" {
  assert {
    condition = alltrue([for name, d in aws_ecs_task_definition.this :
      jsondecode(d.container_definitions)[0].user == var.job.users[name] && jsondecode(d.container_definitions)[0].readonlyRootFilesystem && d.pid_mode == null &&
      jsondecode(d.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"] && jsondecode(d.container_definitions)[0].dockerSecurityOptions == ["no-new-privileges"]
    ])
    error_message = "Each is a user of its own, without capabilities, and sees no other's processes."
  }

  assert {
    condition     = aws_ecs_service.worker.scheduling_strategy == "DAEMON" && aws_ecs_service.worker.cluster == aws_ecs_cluster.this.id && aws_ecs_service.master.cluster == var.server.cluster_arn
    error_message = "Each machine of the group has a worker; the master is beside the server."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["worker"].container_definitions)[0].command[5] == "worker" && jsondecode(aws_ecs_task_definition.this["worker"].container_definitions)[0].command[6] == "spark://10.40.0.9:7077"
    error_message = "A worker comes to the master."
  }

  assert {
    condition     = aws_ecs_task_definition.this["worker"].task_role_arn == var.task_role_arn && aws_ecs_task_definition.this["master"].task_role_arn == null
    error_message = "Executors do the server's work; the master asks AWS for nothing."
  }
}

run "machines" {
  assert {
    condition     = aws_autoscaling_group.this.min_size == 1 && aws_autoscaling_group.this.max_size == 4
    error_message = "The group keeps to its bounds."
  }

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required" && strcontains(base64decode(aws_launch_template.this.user_data), "169.254.169.254/32 uidrange 1-4294967294 prohibit")
    error_message = "No container asks for the machine's credentials."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.this.user_data), "install -d -m 3770 -o 10009 -g 10001 /var/lib/comporta")
    error_message = "The worker has a folder on the disk, which is no memory."
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.this.block_device_mappings[0].ebs[0].kms_key_id == var.key_arn
    error_message = "What is spilled is encrypted."
  }

  assert {
    condition     = aws_launch_template.this.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "No worker has a public address."
  }
}

run "refuses" {
  command = plan

  variables {
    size            = { least = 0, most = 4 }
    instance_type   = "t3.medium"
    volume_gb       = 8
    repository_arns = ["*"]
    job             = { image = "repository:1", users = {}, folder = "/var/lib/comporta" }
  }

  expect_failures = [var.size, var.instance_type, var.volume_gb, var.repository_arns, var.job]
}
