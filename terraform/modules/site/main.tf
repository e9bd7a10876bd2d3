# The docs site: a private bucket behind CloudFront, open to the addresses that are named and to nobody else.
#
# Addresses rather than passwords: a list needs no secret in Terraform's state and no code of our own on the way, and who is on the
# VPN has been asked who they are already. Sign-in by OIDC would need a function with a client secret at every edge.

locals {
  # A policy that AWS keeps for everybody; its id is in CloudFront's documentation.
  caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" # a page of yesterday's verdicts would be worse than a slow one

  # What the pages of each folder may load and run, as lakehouse/pages/policy.py has it; a test compares them.
  content_security_policies = {
    pages   = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    quality = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    dbt     = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }
}

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259: It wants preload too, by which a domain asks to be in browsers' own lists: that is for its owner to say.
  for_each = local.content_security_policies

  name    = "${var.name}-${each.key}"
  comment = "${var.name}: what a browser may do with ${each.key == "pages" ? "the docs site" : "${each.key}/ of the docs site"}"

  security_headers_config {
    content_security_policy {
      content_security_policy = each.value
      override                = true
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = var.name
  description                       = "CloudFront signs what it asks of the docs bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_86: The web ACL logs each request, with its address; the bucket logs what CloudFront read.
  #checkov:skip=CKV_AWS_174: CloudFront's own certificate fixes TLSv1; with a domain of one's own it is TLSv1.2_2021.
  #checkov:skip=CKV2_AWS_47: Files in a bucket: there is no Java behind it that Log4j's hole could be in.
  #checkov:skip=CKV2_AWS_42: A domain is a setting; without one CloudFront's name and certificate serve.
  #checkov:skip=CKV_AWS_310: One bucket; the site is built anew by the next run.
  #checkov:skip=CKV_AWS_374: The list of addresses is narrower than any country.
  enabled             = true
  comment             = "${var.name}: docs site"
  default_root_object = "index.html"
  http_version        = "http2and3"
  price_class         = "PriceClass_All"
  web_acl_id          = aws_wafv2_web_acl.this.arn
  aliases             = var.domain == null ? [] : [var.domain.name]

  origin {
    origin_id                = "docs"
    domain_name              = var.docs_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  default_cache_behavior {
    target_origin_id           = "docs"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = local.caching_disabled
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this["pages"].id
  }

  # Pages that others have made, and that want other things.
  dynamic "ordered_cache_behavior" {
    for_each = toset(["dbt", "quality"])

    content {
      path_pattern               = "/${ordered_cache_behavior.value}/*"
      target_origin_id           = "docs"
      allowed_methods            = ["GET", "HEAD"]
      cached_methods             = ["GET", "HEAD"]
      viewer_protocol_policy     = "redirect-to-https"
      compress                   = true
      cache_policy_id            = local.caching_disabled
      response_headers_policy_id = aws_cloudfront_response_headers_policy.this[ordered_cache_behavior.value].id
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = var.domain == null ? null : var.domain.certificate_arn
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? "TLSv1" : "TLSv1.2_2021"
  }
}

resource "aws_wafv2_ip_set" "this" {
  provider = aws.global

  name               = "${var.name}-readers"
  scope              = "CLOUDFRONT"
  ip_address_version = "IPV4"
  addresses          = var.allowed_cidrs
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192: Files in a bucket: there is no Java behind it that Log4j's hole could be in.
  provider = aws.global

  name        = "${var.name}-site"
  description = "Only the addresses that are named"
  scope       = "CLOUDFRONT"

  default_action {
    block {}
  }

  rule {
    name     = "readers"
    priority = 0

    action {
      allow {}
    }

    statement {
      ip_set_reference_statement {
        arn = aws_wafv2_ip_set.this.arn
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-readers"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.name}-site"
    sampled_requests_enabled   = false
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338: A setting: a year in prod, and dev is content with a month.
  #checkov:skip=CKV_AWS_158: The environment's key is in its own region, and this log is in us-east-1; CloudWatch encrypts it with a key of its own.
  provider = aws.global

  name              = "aws-waf-logs-${var.name}" # WAF writes to no other prefix
  retention_in_days = var.log_retention_days
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  provider = aws.global

  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.this.arn]
}
