# What each container may do, and nothing else. Two kinds: the role that ECS takes to start it (image, log, secret), and the role
# that the program in it has.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id

  read   = ["s3:GetObject"]
  write  = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
  bronze = var.bucket_arns["bronze"]

  # Folders of LAKE_URL, which is in the bronze bucket.
  lake = { for folder in ["_lease", "athena", "bronze", "ops", "quarantine", "site", "warehouse"] : folder => "${local.bronze}/lake/${folder}/*" }

  layers = [for layer in ["silver", "gold"] : "${var.bucket_arns[layer]}/*"]
  lists  = [for layer in ["bronze", "silver", "gold"] : var.bucket_arns[layer]]

  # One writer per table: the Spark server writes what dbt, gates and releases ask it to write, ingestion writes bronze, gates make
  # quarantine, releases Athena's manifests, and all of them hold the lease while they write and note in ops what they did.
  jobs = {
    spark = {
      reads  = ["${var.bucket_arns["raw"]}/*"]
      writes = concat(values(local.lake), local.layers)
      lists  = concat([var.bucket_arns["raw"]], local.lists)
    }
    ingest = {
      reads  = ["${var.bucket_arns["raw"]}/*", local.lake["quarantine"]]
      writes = [local.lake["_lease"], local.lake["bronze"], local.lake["ops"]]
      lists  = [var.bucket_arns["raw"], local.bronze]
    }
    gate = {
      reads  = concat([local.lake["bronze"], local.lake["warehouse"]], local.layers)
      writes = [local.lake["_lease"], local.lake["ops"], local.lake["quarantine"]]
      lists  = local.lists
    }
    build = {
      reads  = concat([local.lake["bronze"], local.lake["warehouse"]], local.layers)
      writes = [local.lake["_lease"], local.lake["ops"]]
      lists  = local.lists
    }
    release = {
      reads  = concat([local.lake["bronze"], local.lake["quarantine"], local.lake["warehouse"]], local.layers)
      writes = [local.lake["_lease"], local.lake["athena"], local.lake["ops"]]
      lists  = local.lists
    }
    site = {
      reads  = concat(values(local.lake), local.layers)
      writes = [local.lake["site"]]
      lists  = local.lists
    }
    publish = {
      reads  = []
      writes = ["${var.bucket_arns["docs"]}/*"]
      lists  = [var.bucket_arns["docs"]]
    }
  }

  statements = { for job, may in local.jobs : job => [
    { Sid = "List", Effect = "Allow", Action = ["s3:GetBucketLocation", "s3:ListBucket"], Resource = may.lists },
    { Sid = "Read", Effect = "Allow", Action = local.read, Resource = may.reads },
    { Sid = "Write", Effect = "Allow", Action = local.write, Resource = may.writes },
    { Sid = "Key", Effect = "Allow", Action = length(may.writes) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"], Resource = [var.lake_key_arn] },
  ] }

  glue = "arn:aws:glue:${data.aws_region.current.name}:${local.account}"

  # Who starts what: the server's log is its own, and only ingestion is handed the source's password.
  starters = {
    server = { log = var.log_group_arns.server, secrets = [] }
    job    = { log = var.log_group_arns.jobs, secrets = [] }
    ingest = { log = var.log_group_arns.jobs, secrets = [var.ingestion_secret_arn] }
  }

  containers_only = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role" "job" {
  for_each = local.jobs

  name               = "${var.name}-${each.key}"
  assume_role_policy = local.containers_only
}

resource "aws_iam_role_policy" "job" {
  for_each = local.jobs

  name = "lake"
  role = aws_iam_role.job[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.statements[each.key] : statement if length(statement.Resource) > 0]
  })
}

# A release says in Glue what Athena may see of it. The databases are Terraform's.
resource "aws_iam_role_policy" "glue" {
  name = "glue"
  role = aws_iam_role.job["release"].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Tables"
      Effect = "Allow"
      Action = ["glue:CreateTable", "glue:DeleteTable", "glue:GetTable", "glue:GetTables", "glue:UpdateTable"]
      Resource = concat(
        ["${local.glue}:catalog"],
        [for name in var.glue_database_names : "${local.glue}:database/${name}"],
        [for name in var.glue_database_names : "${local.glue}:table/${name}/*"], # tables come and go with releases
      )
    }]
  })
}

resource "aws_iam_role" "starter" {
  for_each = local.starters

  name               = "${var.name}-start-${each.key}"
  assume_role_policy = local.containers_only
}

resource "aws_iam_role_policy" "starter" {
  for_each = local.starters

  name = "start"
  role = aws_iam_role.starter[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      # The one call of these that AWS gives no resource to (Service Authorization Reference, ECR).
      { Sid = "Login", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Sid    = "Image", Effect = "Allow", Resource = var.repository_arns
        Action = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      },
      {
        Sid    = "Log", Effect = "Allow", Resource = ["${each.value.log}:*"] # its streams
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      },
      ], length(each.value.secrets) == 0 ? [] : [
      { Sid = "Secret", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = each.value.secrets },
      { Sid = "SecretKey", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.key_arn] },
    ])
  })
}
