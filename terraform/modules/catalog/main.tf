# What Athena, and whatever asks through it, sees of the lake: released silver and gold. Permissions are IAM's alone: Lake
# Formation would be a second place that says who may read what.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  layers  = toset(["silver", "gold"])
  prefix  = replace(var.name, "-", "_") # Athena asks for quotes around a hyphen
  glue    = "arn:aws:glue:${local.region}:${local.account}"

  # s3://bucket/prefix → bucket, prefix
  lake_bucket = split("/", trimprefix(var.lake_url, "s3://"))[0]
  lake_prefix = join("/", slice(split("/", trimprefix(var.lake_url, "s3://")), 1, length(split("/", trimprefix(var.lake_url, "s3://")))))
}

resource "aws_glue_catalog_database" "this" {
  for_each = local.layers

  name        = "${local.prefix}_${each.key}"
  description = "${each.key} as released by Comporta"

  # What Glue does where Lake Formation was never set up; said aloud, for accounts where it was.
  create_table_default_permission {
    permissions = ["ALL"]

    principal {
      data_lake_principal_identifier = "IAM_ALLOWED_PRINCIPALS"
    }
  }
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Questions to released silver and gold"
  force_destroy = var.destroyable

  configuration {
    enforce_workgroup_configuration    = true # else a client may say where results go, and unencrypted
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit_gb * 1000000000

    result_configuration {
      output_location       = "s3://${var.artifacts_bucket}/athena/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.lake_key_arn
      }
    }
  }
}

locals {
  # Requests that Athena makes with the asker's own rights carry its name. They are all that may read tables' files: in the same
  # folders lie the files of candidates, which no gate has passed.
  by_athena = { "ForAnyValue:StringEquals" = { "aws:CalledVia" = ["athena.amazonaws.com"] } }
}

# For the role or group of analysts, who are people of the account and none of ours to make.
resource "aws_iam_policy" "analyst" {
  name        = "${var.name}-analyst"
  description = "Ask Athena about released silver and gold"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Ask"
        Effect = "Allow"
        Action = [
          "athena:BatchGetQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetQueryResultsStream",
          "athena:GetWorkGroup", "athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution",
        ]
        Resource = aws_athena_workgroup.this.arn
      },
      {
        Sid    = "Names"
        Effect = "Allow"
        Action = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
        Resource = concat(
          ["${local.glue}:catalog"],
          [for database in aws_glue_catalog_database.this : database.arn],
          [for database in aws_glue_catalog_database.this : "${local.glue}:table/${database.name}/*"], # tables come and go with releases
        )
      },
      {
        # A table of one's own may name any folder, a candidate's too, and Athena would read it for whoever made it.
        Sid    = "NoTables"
        Effect = "Deny"
        Action = [
          "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:CreatePartition", "glue:CreateTable", "glue:UpdatePartition",
          "glue:UpdateTable",
        ]
        Resource = ["${local.glue}:catalog", "${local.glue}:database/*", "${local.glue}:table/*"]
      },
      {
        Sid    = "Rows"
        Effect = "Allow"
        Action = "s3:GetObject"
        Resource = concat(
          [for layer in local.layers : "${var.bucket_arns[layer]}/*"],
          ["arn:aws:s3:::${local.lake_bucket}/${local.lake_prefix}/athena/*"], # manifests of what is released
        )
        Condition = local.by_athena
      },
      {
        Sid       = "Files"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = concat([for layer in local.layers : var.bucket_arns[layer]], ["arn:aws:s3:::${local.lake_bucket}"], [var.bucket_arns["artifacts"]])
        Condition = local.by_athena
      },
      {
        # Drivers fetch results from the bucket themselves.
        Sid      = "Results"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${var.bucket_arns["artifacts"]}/athena/*"
      },
      {
        Sid       = "WriteResults"
        Effect    = "Allow"
        Action    = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource  = "${var.bucket_arns["artifacts"]}/athena/*"
        Condition = local.by_athena
      },
      {
        Sid       = "ListResults"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = var.bucket_arns["artifacts"]
        Condition = { StringLike = { "s3:prefix" = ["athena/*"] } }
      },
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = "s3:GetBucketLocation"
        Resource = concat([for layer in local.layers : var.bucket_arns[layer]], ["arn:aws:s3:::${local.lake_bucket}"], [var.bucket_arns["artifacts"]])
      },
      {
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.lake_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
      },
    ]
  })
}
