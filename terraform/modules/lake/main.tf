# The lake's buckets: private, encrypted with a key of their own, versioned, over TLS only, each access logged.

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  data    = toset(["raw", "bronze", "silver", "gold", "artifacts", "docs"])
  names   = { for bucket in setunion(local.data, ["logs"]) : bucket => "${var.name}-${local.account}-${bucket}" }

  tls_only = { for bucket, name in local.names : bucket => {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = ["arn:aws:s3:::${name}", "arn:aws:s3:::${name}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  # A request that names no encryption gets the bucket's. One that names S3's own key, or a key of its own making, would leave an
  # object that the lake's key does not guard.
  our_key_only = { for bucket in local.data : bucket => [
    {
      Sid       = "OurKeyOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::${local.names[bucket]}/*"
      Condition = {
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.this.arn }
      }
    },
    {
      Sid       = "NoKeyOfTheirOwn"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::${local.names[bucket]}/*"
      Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
    },
  ] }

  site_reads = {
    Sid       = "SiteReads"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = "s3:GetObject"
    Resource  = "arn:aws:s3:::${local.names["docs"]}/*"
    Condition = { StringEquals = { "AWS:SourceArn" = var.docs_distribution_arn } }
  }

  logs_arrive = {
    Sid       = "LogsArrive"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = "arn:aws:s3:::${local.names["logs"]}/*"
    Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
  }
}

resource "aws_kms_key" "this" {
  description             = "${var.name}: data of the lake"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # In a key's policy "*" is the key itself. Without this statement nobody could ever change the policy again.
        Sid       = "Administration"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "SiteReads"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "kms:Decrypt"
        Resource  = "*"
        Condition = { StringEquals = { "AWS:SourceArn" = var.docs_distribution_arn } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-lake"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18: The six buckets of data have it (aws_s3_bucket_logging below, counted by a test); the seventh is where the logs go.
  #checkov:skip=CKV_AWS_144: Bronze is a copy of the source and silver and gold follow from it; a second region would double the bill (docs/aws.md, "Restore").
  #checkov:skip=CKV_AWS_145: The six buckets of data are, which a test says; S3 can't deliver access logs to a bucket whose default is a KMS key.
  #checkov:skip=CKV2_AWS_62: Nothing here waits for objects: the schedule starts the pipeline.
  for_each = local.names

  bucket        = each.value
  force_destroy = var.destroyable
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.names

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No ACLs: an object belongs to the bucket's owner, and policies alone say who may read it.
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
    bucket_key_enabled = each.key != "logs" # one call to KMS for many objects

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : aws_kms_key.this.arn
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

resource "aws_s3_bucket_policy" "this" {
  for_each = local.names

  bucket = aws_s3_bucket.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.tls_only[each.key]],
      [for statement in lookup(local.our_key_only, each.key, []) : statement],
      each.key == "docs" ? [local.site_reads] : [],
      each.key == "logs" ? [local.logs_arrive] : [],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this] # S3 refuses to change both at once
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
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Source files are read once and kept as evidence. Tables stay where they are: a merge may read any file again.
  dynamic "rule" {
    for_each = each.key == "raw" ? [1] : []

    content {
      id     = "seldom-read"
      status = "Enabled"

      filter {}

      transition {
        days          = 90
        storage_class = "STANDARD_IA"
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [1] : []

    content {
      id     = "old-logs"
      status = "Enabled"

      filter {}

      expiration {
        days = var.access_log_days
      }
    }
  }

  # Results of Athena can be asked for again.
  dynamic "rule" {
    for_each = each.key == "artifacts" ? [1] : []

    content {
      id     = "query-results"
      status = "Enabled"

      filter {
        prefix = "athena/"
      }

      expiration {
        days = 30
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# Server access logs rather than CloudTrail's data events: they say who read which object at the price of their storage, while
# Delta's many small requests would make data events the dearest line of the bill.
resource "aws_s3_bucket_logging" "this" {
  for_each = local.data

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this] # it lets the logs arrive
}
