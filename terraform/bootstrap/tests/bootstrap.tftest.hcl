mock_provider "aws" {
  source = "../mocks"
}

# Planned only: the bucket refuses to be destroyed, even after a test.
run "state_is_kept" {
  command = plan

  assert {
    condition = length(aws_s3_bucket_public_access_block.this) == 2 && alltrue([for b in aws_s3_bucket_public_access_block.this :
    b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets])
    error_message = "The state, and the log of who read it, are never public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["state"].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" && aws_kms_key.this.enable_key_rotation
    error_message = "The state is encrypted, with a key that rotates."
  }

  assert {
    condition     = alltrue([for b in aws_s3_bucket_versioning.this : b.versioning_configuration[0].status == "Enabled"])
    error_message = "An older state can be had again."
  }
}

run "policies" {
  command = plan

  override_resource {
    target          = aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }

  assert {
    condition = length(aws_s3_bucket_policy.this) == 2 && alltrue([for p in aws_s3_bucket_policy.this :
    one([for s in jsondecode(p.policy).Statement : s.Condition.Bool["aws:SecureTransport"] if s.Effect == "Deny" && s.Action == "s3:*" && length(s.Resource) == 2]) == "false"])
    error_message = "TLS only."
  }

  assert {
    condition = one([for s in jsondecode(aws_s3_bucket_policy.this["state"].policy).Statement : s.Condition
      if s.Effect == "Deny" && s.Action == "s3:PutObject" && s.Resource == "arn:aws:s3:::comporta-123456789012-terraform/*"
    ]) == { StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111" } }
    error_message = "A state that would not be under our key is refused, and one that names no key."
  }

  assert {
    condition     = strcontains(output.backend, "kms_key_id = \"arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111\"")
    error_message = "What init is given names the key."
  }
}

run "reads_are_logged" {
  command = plan

  assert {
    condition     = aws_s3_bucket_logging.this.target_prefix == "state/" && length(aws_s3_bucket.this) == 2 && endswith(aws_s3_bucket.this["logs"].bucket, "-terraform-logs")
    error_message = "Each access to the state's bucket is written to the other one."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["logs"].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "S3 delivers logs to no bucket whose default is a KMS key."
  }
}

run "refuses" {
  command = plan

  variables {
    region = "Lisbon"
    prefix = "Comporta!"
  }

  expect_failures = [var.region, var.prefix]
}
