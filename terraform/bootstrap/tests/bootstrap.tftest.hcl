mock_provider "aws" {
  source = "../mocks"
}

# Planned only: the bucket refuses to be destroyed, even after a test.
run "state_is_kept" {
  command = plan

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.ignore_public_acls && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "The state is never public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" && aws_kms_key.this.enable_key_rotation
    error_message = "The state is encrypted, with a key that rotates."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "An older state can be had again."
  }

  assert {
    condition     = one([for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Condition.Bool["aws:SecureTransport"] if s.Effect == "Deny" && s.Action == "s3:*"]) == "false"
    error_message = "TLS only."
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
