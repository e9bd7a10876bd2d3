# The bucket of Terraform's state, made once an account, by hand (docs/aws.md), and the one that says who read it. Their own state is
# a local file, which may be lost: there are two buckets and a key in it, and terraform import brings them back.

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "comporta", environment = "all" }
  }
}

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  names   = { state = "${var.prefix}-${local.account}-terraform", logs = "${var.prefix}-${local.account}-terraform-logs" }

  tls_only = { for bucket, name in local.names : bucket => {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = ["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  # Refuses a request that names no key, too: "encrypt = true" alone asks for S3's own key, past the bucket's default. With
  # kms_key_id Terraform names the key with each state and each lock that it writes.
  our_key_only = {
    Sid       = "OurKeyOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${local.names["state"]}/*"
    Condition = { StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.this.arn } }
  }

  logs_arrive = {
    Sid       = "LogsArrive"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${local.names["logs"]}/*"
    Condition = { StringEquals = { "aws:SourceAccount" = local.account }, ArnLike = { "aws:SourceArn" = "arn:aws:s3:::${local.names["state"]}" } }
  }
}

resource "aws_kms_key" "this" {
  description             = "Terraform's state"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # In a key's policy "*" is the key itself. Without this statement nobody could ever change the policy again.
      Sid       = "Administration"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.names["state"]}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18: The bucket of the state has it (aws_s3_bucket_logging below, which a test says); the other one is where the logs go.
  #checkov:skip=CKV_AWS_144: Every resource in a state can be imported again.
  #checkov:skip=CKV_AWS_145: The bucket of the state is, which a test says; S3 can't deliver access logs to a bucket whose default is a KMS key.
  #checkov:skip=CKV2_AWS_62: Nothing waits for a state.
  for_each = local.names

  bucket = each.value

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.names

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.key == "state"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "state" ? "aws:kms" : "AES256"
      kms_master_key_id = each.key == "state" ? aws_kms_key.this.arn : null
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "left-behind"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days           = each.key == "state" ? 365 : 30
      newer_noncurrent_versions = each.key == "state" ? 20 : null # however old, the last ones stay
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [1] : []

    content {
      id     = "old-logs"
      status = "Enabled"

      filter {}

      expiration {
        days = 365
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 7
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only[each.key]], each.key == "state" ? [local.our_key_only] : [], each.key == "logs" ? [local.logs_arrive] : [])
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Who read or wrote a state, and when. S3 delivers it within hours, as it can; a trail of the account with data events of this bucket
# would be complete and at once, and is dearer.
resource "aws_s3_bucket_logging" "this" {
  bucket        = aws_s3_bucket.this["state"].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "state/"

  depends_on = [aws_s3_bucket_policy.this] # it lets the logs arrive
}
