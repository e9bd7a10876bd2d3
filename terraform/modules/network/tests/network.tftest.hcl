mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name               = "comporta-test"
  key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  availability_zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
}

# First: an endpoint that has a policy keeps it when none is asked for.
run "a_service_that_takes_no_policy_gets_none" {
  override_data {
    target = data.aws_vpc_endpoint_service.this
    values = { vpc_endpoint_policy_supported = false }
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 12 && !anytrue([for e in aws_vpc_endpoint.interface : can(jsondecode(e.policy).Statement)])
    error_message = "AWS would refuse the endpoint, and with it the first apply."
  }
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
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : s.Resource != "*" || try(s.Condition.StringEquals, {}) == { "aws:PrincipalAccount" = "123456789012", "aws:ResourceAccount" = "123456789012" }])
    error_message = "Through the S3 endpoint this account reaches its own buckets."
  }

  assert {
    condition = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : flatten([s.Action]) == ["s3:GetObject"] && flatten([s.Resource]) == [
      "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*", "arn:aws:s3:::al2023-repos-eu-west-1-de612dc2/*", "arn:aws:s3:::amazon-ssm-eu-west-1/*",
    ] if !can(s.Condition)])
    error_message = "Whoever asks without a name reads layers of images and Amazon's own packages, and writes nothing."
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
    condition = length(aws_vpc_endpoint.interface) == 12 && alltrue(flatten([for e in aws_vpc_endpoint.interface : [for s in jsondecode(e.policy).Statement :
    s.Condition.StringEquals == { "aws:PrincipalAccount" = "123456789012", "aws:ResourceAccount" = "123456789012" } if s.Sid != "AmazonsDocuments"]]))
    error_message = "Through each endpoint this account's principals reach this account's things, and nobody else anything else."
  }

  assert {
    condition = [for service, e in aws_vpc_endpoint.interface : service if length(jsondecode(e.policy).Statement) > 1] == ["ssm"] && one([for s in jsondecode(aws_vpc_endpoint.interface["ssm"].policy).Statement :
    { may = s.Action, what = s.Resource, who = s.Condition.StringEquals["aws:PrincipalAccount"] } if s.Sid == "AmazonsDocuments"]) == { may = ["ssm:DescribeDocument", "ssm:GetDocument"], what = "arn:aws:ssm:eu-west-1::document/*", who = "123456789012" }
    error_message = "The one exception: our agent reads Amazon's documents."
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
