# The whole: what dev and prod are made of. They differ in size and safety, never in kind.

module "key" {
  source = "../key"

  name = var.name
}

module "network" {
  source = "../network"

  name               = var.name
  key_arn            = module.key.arn
  cidr               = var.cidr
  availability_zones = local.zones
  endpoint_zones     = var.endpoint_zones
  log_retention_days = var.log_retention_days
}

module "lake" {
  source = "../lake"

  name                  = var.name
  docs_distribution_arn = module.site.distribution_arn
  destroyable           = var.destroyable
}

module "database" {
  source = "../database"

  name                      = var.name
  key_arn                   = module.key.arn
  vpc_id                    = module.network.vpc_id
  subnet_ids                = module.network.subnet_ids
  client_security_group_ids = merge({ spark = module.spark.security_group_id }, { for workers in module.workers : "workers" => workers.security_group_id })
  alarm_topic_arn           = module.orchestration.topic_arn
  instance_class            = var.database.instance_class
  storage_gb                = var.database.storage_gb
  multi_az                  = var.database.multi_az
  backup_days               = var.database.backup_days
  backup_window             = var.database_windows.backup
  maintenance_window        = var.database_windows.maintenance
  deletion_protection       = !var.destroyable
  log_retention_days        = var.log_retention_days
}

module "spark" {
  source = "../spark"

  name               = var.name
  key_arn            = module.key.arn
  vpc_id             = module.network.vpc_id
  vpc_cidr           = module.network.cidr
  subnet_id          = module.network.subnet_ids[0]
  availability_zone  = local.zones[0]
  s3_prefix_list_id  = module.network.s3_prefix_list_id
  instance_type      = var.instance_type
  volume_gb          = var.volume_gb
  image_tag          = var.image_tag
  aws_cli_tag        = var.aws_cli_tag
  spark_memory       = var.spark_memory
  spark_master       = var.spark_master
  workers            = var.workers == null ? null : { secret_arn = module.workers[0].secret_arn, executor_memory = var.workers.executor_memory }
  task_role_arn      = module.roles.job_arns["spark"]
  execution_role_arn = module.roles.starter_arns["server"]
  alarm_topic_arn    = module.orchestration.topic_arn
  log_retention_days = var.log_retention_days
  backup_days        = var.backup_days
  destroyable        = var.destroyable

  environment = merge(var.settings, {
    GLUE_PREFIX = module.catalog.prefix
    LAKE_URL    = module.lake.lake_url
    SILVER_URL  = module.lake.layer_urls.silver
    GOLD_URL    = module.lake.layer_urls.gold
    SITE_URL    = module.site.url
    SOURCE_NAME = var.source_name
  })
}

module "workers" {
  source = "../workers"
  count  = var.workers == null ? 0 : 1

  name               = var.name
  key_arn            = module.key.arn
  vpc_id             = module.network.vpc_id
  vpc_cidr           = module.network.cidr
  subnet_id          = module.network.subnet_ids[0]
  s3_prefix_list_id  = module.network.s3_prefix_list_id
  instance_type      = var.workers.instance_type
  size               = { least = var.workers.least, most = var.workers.most }
  volume_gb          = var.workers.volume_gb
  job                = module.spark.job
  repository_arns    = module.spark.repository_arns
  task_role_arn      = module.roles.job_arns["spark"]
  alarm_topic_arn    = module.orchestration.topic_arn
  log_retention_days = var.log_retention_days
  destroyable        = var.destroyable

  server = {
    private_ip        = module.spark.private_ip
    security_group_id = module.spark.security_group_id
    cluster_arn       = module.spark.cluster_arn
    starter_role_name = element(split("/", module.roles.starter_arns["server"]), 1)
  }
}

module "roles" {
  source = "../roles"

  name                 = var.name
  key_arn              = module.key.arn
  bucket_arns          = module.lake.bucket_arns
  lake_key_arn         = module.lake.key_arn
  ingestion_secret_arn = module.database.ingestion_secret_arn
  log_group_arns       = { server = module.spark.log_group_arn, jobs = module.orchestration.jobs_log_group_arn }
  repository_arns      = module.spark.repository_arns
  glue_database_names  = values(module.catalog.database_names)
}

module "sessions" {
  source = "../sessions"

  name               = var.name
  key_arn            = module.key.arn
  instance_arn       = module.spark.instance_arn
  instance_role_name = module.spark.instance_role_name
  database_host      = module.database.host
  log_retention_days = var.log_retention_days
}

module "catalog" {
  source = "../catalog"

  name             = var.name
  bucket_arns      = module.lake.bucket_arns
  artifacts_bucket = module.lake.bucket_names["artifacts"]
  lake_url         = module.lake.lake_url
  lake_key_arn     = module.lake.key_arn
  scan_limit_gb    = var.scan_limit_gb
  destroyable      = var.destroyable
}

module "trusted" {
  source = "../trusted"
  count  = var.trusted == null ? 0 : 1

  name               = var.name
  key_arn            = module.key.arn
  lake_key_arn       = module.lake.key_arn
  raw_url            = "${module.lake.lake_url}/raw"
  trusted_url        = "${module.lake.lake_url}/trusted"
  artifacts_bucket   = module.lake.bucket_names["artifacts"]
  script             = "${path.module}/../../../jobs/trusted.py"
  worker_type        = var.trusted.worker_type
  workers            = var.trusted.workers
  timeout_minutes    = var.trusted.timeout_minutes
  log_retention_days = var.log_retention_days
}

module "orchestration" {
  source = "../orchestration"

  name                  = var.name
  key_arn               = module.key.arn
  cluster_arn           = module.spark.cluster_arn
  job                   = module.spark.job
  publish_image         = module.spark.images["aws-cli"]
  docs_bucket           = module.lake.bucket_names["docs"]
  job_role_arns         = module.roles.job_arns
  starter_role_arns     = { job = module.roles.starter_arns["job"], ingest = module.roles.starter_arns["ingest"] }
  ingestion_secret_arn  = module.database.ingestion_secret_arn
  schedule              = var.schedule
  time_zone             = var.time_zone.name
  scheduled             = var.scheduled
  expected_within_hours = var.expected_within_hours
  alarm_email           = var.alarm_email
  monthly_budget        = var.monthly_budget
  log_retention_days    = var.log_retention_days
}

module "site" {
  source = "../site"

  providers = {
    aws        = aws
    aws.global = aws.global
  }

  name               = var.name
  docs_domain_name   = module.lake.docs_domain_name
  allowed_cidrs      = var.allowed_cidrs
  domain             = var.domain
  log_retention_days = var.log_retention_days
}
