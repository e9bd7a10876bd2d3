mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name                  = "comporta-test"
  docs_distribution_arn = "arn:aws:cloudfront::123456789012:distribution/ABC"
}

run "every_bucket" {
  assert {
    condition     = join(",", sort(keys(output.bucket_names))) == "artifacts,bronze,docs,gold,raw,silver" && length(aws_s3_bucket.this) == 7
    error_message = "Six buckets of data, and one for the log of accesses."
  }

  assert {
    condition = length(aws_s3_bucket_public_access_block.this) == 7 && alltrue([for b in aws_s3_bucket_public_access_block.this :
    b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets])
    error_message = "No bucket may ever be public."
  }

  assert {
    condition = length(aws_s3_bucket_server_side_encryption_configuration.this) == 7 && alltrue([for bucket, b in aws_s3_bucket_server_side_encryption_configuration.this :
    one(one(b.rule).apply_server_side_encryption_by_default).sse_algorithm == (bucket == "logs" ? "AES256" : "aws:kms")])
    error_message = "Each bucket is encrypted, all but the access logs by our key."
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 7 && alltrue([for b in aws_s3_bucket_versioning.this : b.versioning_configuration[0].status == "Enabled"])
    error_message = "Each bucket is versioned."
  }

  assert {
    condition     = length(aws_s3_bucket_ownership_controls.this) == 7 && alltrue([for b in aws_s3_bucket_ownership_controls.this : b.rule[0].object_ownership == "BucketOwnerEnforced"])
    error_message = "No ACLs."
  }

  assert {
    condition     = join(",", sort(keys(aws_s3_bucket_logging.this))) == "artifacts,bronze,docs,gold,raw,silver"
    error_message = "Accesses to each bucket of data are logged."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 7
    error_message = "Each bucket forgets what was overwritten, after a time."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key must rotate."
  }

  assert {
    condition     = alltrue([for b in aws_s3_bucket.this : !b.force_destroy])
    error_message = "Buckets with objects stay, unless asked otherwise."
  }
}

run "tls_only" {
  assert {
    condition = alltrue([for p in aws_s3_bucket_policy.this : anytrue([for s in jsondecode(p.policy).Statement :
    s.Effect == "Deny" && s.Action == "s3:*" && try(s.Principal, "") == "*" && try(s.Condition.Bool["aws:SecureTransport"], "") == "false" && length(s.Resource) == 2])])
    error_message = "Each bucket refuses whatever does not come over TLS."
  }

  assert {
    condition = alltrue(flatten([for p in aws_s3_bucket_policy.this : [for s in jsondecode(p.policy).Statement :
    s.Effect == "Deny" || (can(s.Principal.Service) && can(s.Condition.StringEquals) && !strcontains(s.Action, "*"))]]))
    error_message = "A bucket's policy allows one action to one service, for our own resource."
  }
}

run "only_the_site_reads_docs" {
  assert {
    condition     = [for s in jsondecode(aws_s3_bucket_policy.this["docs"].policy).Statement : s.Condition.StringEquals["AWS:SourceArn"] if s.Effect == "Allow"] == [var.docs_distribution_arn]
    error_message = "CloudFront reads docs by our distribution only."
  }

  assert {
    condition     = alltrue([for bucket in ["raw", "bronze", "silver", "gold", "artifacts"] : [for s in jsondecode(aws_s3_bucket_policy.this[bucket].policy).Statement : s if s.Effect != "Deny"] == []])
    error_message = "No other bucket lets anybody in by its policy."
  }
}

run "nothing_under_another_key" {
  assert {
    condition = alltrue([for bucket in ["raw", "bronze", "silver", "gold", "artifacts", "docs"] :
      one([for s in jsondecode(aws_s3_bucket_policy.this[bucket].policy).Statement : s.Condition
        if s.Sid == "OurKeyOnly" && s.Effect == "Deny" && s.Action == "s3:PutObject" && endswith(flatten([s.Resource])[0], "-${bucket}/*")
      ]) == { Null = { "s3:x-amz-server-side-encryption" = "false" }, StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.this.arn } }
    ])
    error_message = "An object for which another encryption is asked is refused."
  }

  assert {
    condition = alltrue([for bucket in ["raw", "bronze", "silver", "gold", "artifacts", "docs"] :
      one([for s in jsondecode(aws_s3_bucket_policy.this[bucket].policy).Statement : s.Condition.Null
        if s.Sid == "NoKeyOfTheirOwn" && s.Effect == "Deny" && s.Action == "s3:PutObject" && endswith(flatten([s.Resource])[0], "-${bucket}/*")
      ]) == { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" }
    ])
    error_message = "Nobody locks objects with a key that only he has."
  }
}

run "refuses_something_else_than_a_distribution" {
  command = plan

  variables {
    docs_distribution_arn = "*"
  }

  expect_failures = [var.docs_distribution_arn]
}

run "refuses_to_forget_at_once" {
  command = plan

  variables {
    noncurrent_days = 1
    access_log_days = 1
  }

  expect_failures = [var.noncurrent_days, var.access_log_days]
}
