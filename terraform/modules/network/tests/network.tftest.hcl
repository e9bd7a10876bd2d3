mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "comporta-test"
  key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  availability_zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

run "no_way_out" {
  assert {
    condition     = length(aws_subnet.private) == 3 && alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch])
    error_message = "Subnets are private, one a zone."
  }

  assert {
    condition     = length(distinct([for subnet in aws_subnet.private : subnet.cidr_block])) == 3
    error_message = "Subnets must not overlap."
  }

  assert {
    condition     = length(aws_route_table.private.route) == 0
    error_message = "There is no route but those of the VPC itself and of the endpoints."
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group lets nothing through."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : s.Resource != "*" || try(s.Condition.StringEquals["aws:ResourceAccount"], "") == "123456789012"])
    error_message = "Through the S3 endpoint only buckets of this account are reached, and ECR's layers."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : !anytrue([for a in flatten([s.Action]) : strcontains(a, "*")])])
    error_message = "The S3 endpoint names its actions."
  }
}

run "endpoints" {
  assert {
    condition     = alltrue([for service in ["glue", "sts", "secretsmanager", "logs", "ecr.api", "ecr.dkr"] : aws_vpc_endpoint.interface[service].private_dns_enabled])
    error_message = "The services that every container asks are reached by their usual names."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints.cidr_ipv4 == var.cidr && aws_vpc_security_group_ingress_rule.endpoints.to_port == 443
    error_message = "Endpoints answer HTTPS of the VPC."
  }
}

run "flow_logs" {
  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.kms_key_id == var.key_arn && aws_cloudwatch_log_group.flow.retention_in_days == 365
    error_message = "All traffic is logged, encrypted, for a time."
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.flow.policy).Statement : s.Resource != "*" && !anytrue([for a in s.Action : strcontains(a, "*")])])
    error_message = "Flow logs may write to their own group only."
  }
}

run "refuses_one_zone" {
  command = plan

  variables {
    availability_zones = ["eu-west-1a"]
  }

  expect_failures = [var.availability_zones]
}

run "refuses_more_endpoint_zones_than_zones" {
  command = plan

  variables {
    endpoint_zones = 4
  }

  expect_failures = [var.endpoint_zones]
}

run "refuses_a_tiny_block" {
  command = plan

  variables {
    cidr = "10.0.0.0/26"
  }

  expect_failures = [var.cidr]
}

run "refuses_to_leave_out_what_containers_need" {
  command = plan

  variables {
    interface_endpoints = ["glue"]
  }

  expect_failures = [var.interface_endpoints]
}
