mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "global"
  source = "../../mocks"
}

variables {
  name             = "comporta-test"
  docs_domain_name = "docs.s3.eu-west-1.amazonaws.com"
  allowed_cidrs    = ["203.0.113.7/32"]
}

run "closed" {
  providers = {
    aws        = aws
    aws.global = aws.global
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this.default_action[0].block) == 1 && length(aws_wafv2_web_acl.this.default_action[0].allow) == 0
    error_message = "Who is not named is kept out."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == aws_wafv2_web_acl.this.arn
    error_message = "The list guards the distribution."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "TLS only."
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always" && one(aws_cloudfront_distribution.this.origin).origin_access_control_id == aws_cloudfront_origin_access_control.this.id
    error_message = "The bucket is asked with a signature, always."
  }

  assert {
    condition = alltrue([
      for policy in aws_cloudfront_response_headers_policy.this :
      strcontains(policy.security_headers_config[0].content_security_policy[0].content_security_policy, "default-src 'none'")
      && strcontains(policy.security_headers_config[0].content_security_policy[0].content_security_policy, "frame-ancestors 'none'")
      && policy.security_headers_config[0].content_security_policy[0].override
    ]) && length(aws_cloudfront_response_headers_policy.this) == 3
    error_message = "A page loads nothing that it does not name, and is in nobody's frame."
  }

  assert {
    condition = aws_cloudfront_distribution.this.default_cache_behavior[0].response_headers_policy_id == aws_cloudfront_response_headers_policy.this["pages"].id && alltrue([
      for behaviour in aws_cloudfront_distribution.this.ordered_cache_behavior :
      behaviour.response_headers_policy_id == aws_cloudfront_response_headers_policy.this[split("/", behaviour.path_pattern)[1]].id && behaviour.viewer_protocol_policy == "redirect-to-https"
    ]) && length(aws_cloudfront_distribution.this.ordered_cache_behavior) == 2
    error_message = "Each folder's pages come with their own headers, by TLS only."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "Requests are logged for a time."
  }
}

run "own_domain" {
  providers = {
    aws        = aws
    aws.global = aws.global
  }

  variables {
    domain = { name = "docs.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && output.url == "https://docs.example.com/"
    error_message = "With a certificate of our own nothing older than TLS 1.2."
  }
}

run "refuses_the_whole_world" {
  command = plan

  providers = {
    aws        = aws
    aws.global = aws.global
  }

  variables {
    allowed_cidrs = ["0.0.0.0/0"]
    domain        = { name = "docs.example.com", certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1" }
  }

  expect_failures = [var.allowed_cidrs, var.domain]
}

run "refuses_nobody" {
  command = plan

  providers = {
    aws        = aws
    aws.global = aws.global
  }

  variables {
    allowed_cidrs = []
  }

  expect_failures = [var.allowed_cidrs]
}
