# What people rely on: a standby for the database, longer memory, and nothing that destroy would take away in one go.
module "comporta" {
  source = "../../modules/comporta"

  providers = {
    aws        = aws
    aws.global = aws.global
  }

  name               = "comporta-prod"
  cidr               = "10.41.0.0/20"
  zones              = 3
  availability_zones = var.availability_zones
  endpoint_zones     = 2

  instance_type = "m7i.2xlarge"
  volume_gb     = 200
  spark_memory  = "16g"
  image_tag     = var.image_tag
  aws_cli_tag   = var.aws_cli_tag
  workers       = var.workers
  trusted       = var.trusted

  database = {
    instance_class = "db.m7g.large"
    storage_gb     = { initial = 100, most = 1000 }
    multi_az       = true
    backup_days    = 14
  }

  schedule              = "cron(0 5 * * ? *)"
  time_zone             = var.time_zone
  scheduled             = var.scheduled
  expected_within_hours = 26
  alarm_email           = var.alarm_email
  monthly_budget        = 1100

  allowed_cidrs      = var.allowed_cidrs
  domain             = var.domain
  scan_limit_gb      = 500
  log_retention_days = 365
  backup_days        = 35
  destroyable        = false
}
