# Files of the RAW zone to plain Parquet, for who reads files: jobs/trusted.py as a job of Glue, which is there only while it runs. It
# reaches S3 over TLS from Amazon's network, not from ours; what it may do there is its role's alone.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  job     = "${var.name}-trusted"
  folder  = "jobs/" # of the artifacts bucket: the script, and queries that are put beside it

  # s3://bucket/prefix → bucket, prefix
  places = { for name, url in { raw = var.raw_url, trusted = var.trusted_url } : name => regex("^s3://(?P<bucket>[^/]+)/(?P<prefix>.+?)/?$", url) }
  arns   = { for name, place in local.places : name => "arn:aws:s3:::${place.bucket}/${place.prefix}" }

  # Glue makes the name of a log group of its configuration and the role; a prefix of ours keeps it apart from those of other jobs.
  logs   = "/${var.name}/trusted"
  groups = { for kind in ["error", "output"] : kind => "${local.logs}/${local.job}-role/${local.job}/${kind}" }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338: A setting: a year in prod, and dev is content with a month.
  for_each = local.groups

  name              = each.value
  kms_key_id        = var.key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_glue_security_configuration" "this" {
  name = local.job

  encryption_configuration {
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.lake_key_arn # the only one with which the lake's buckets take an object
    }

    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS" # bookmarks are off
      kms_key_arn                   = var.key_arn
    }
  }
}

resource "aws_s3_object" "script" {
  bucket      = var.artifacts_bucket
  key         = "${local.folder}trusted.py"
  source      = var.script
  source_hash = filemd5(var.script)
  kms_key_id  = var.lake_key_arn
}

resource "aws_iam_role" "this" {
  name = local.job

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "glue.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "raw-to-trusted"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([for name, place in local.places : {
      Sid       = name == "raw" ? "ListRaw" : "ListTrusted"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = ["arn:aws:s3:::${place.bucket}"]
      Condition = { StringLike = { "s3:prefix" = [place.prefix, "${place.prefix}/*"] } }
      }], [
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = distinct([for place in local.places : "arn:aws:s3:::${place.bucket}"])
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.arns["raw"]}/*", "arn:aws:s3:::${var.artifacts_bucket}/${local.folder}*"]
      },
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource = ["${local.arns["trusted"]}/*", "${local.arns["trusted"]}_$folder$"] # by which Glue's own S3 notes a folder
      },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.lake_key_arn] },
      {
        # All below our prefix: what exactly Glue calls its groups is Glue's to say.
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:${local.logs}/*"]
      },
    ])
  })
}

resource "aws_glue_job" "this" {
  name                   = local.job
  description            = "Files of the RAW zone to plain Parquet; docs/trusted.md has its arguments"
  role_arn               = aws_iam_role.this.arn
  glue_version           = "5.0" # Spark 3.5, Python 3.11
  worker_type            = var.worker_type
  number_of_workers      = var.workers
  execution_class        = "STANDARD"
  timeout                = var.timeout_minutes
  max_retries            = 0 # what a file or a query refuses, it refuses again
  security_configuration = aws_glue_security_configuration.this.name

  command {
    name            = "glueetl"
    script_location = "s3://${aws_s3_object.script.bucket}/${aws_s3_object.script.key}"
    python_version  = "3"
  }

  execution_property {
    max_concurrent_runs = 1 # two that write one folder would each leave the other's files there
  }

  default_arguments = {
    "--job-language"           = "python"
    "--job-bookmark-option"    = "job-bookmark-disable" # a run reads what --raw says, each time
    "--custom-logGroup-prefix" = local.logs
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}
