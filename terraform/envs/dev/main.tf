# Small, and gone without a trace when it is destroyed: nothing in it is the only copy of anything.
module "comporta" {
  source = "../../modules/comporta"

  providers = {
    aws        = aws
    aws.global = aws.global
  }

  name               = "comporta-dev"
  cidr               = "10.40.0.0/20"
  zones              = 2
  availability_zones = var.availability_zones
  endpoint_zones     = 1

  instance_type = "m7i.large"
  volume_gb     = 50
  spark_memory  = "4g"
  image_tag     = var.image_tag
  aws_cli_tag   = var.aws_cli_tag
  workers       = var.workers
  trusted       = var.trusted

  database = {
    instance_class = "db.t4g.micro"
    storage_gb     = { initial = 20, most = 100 }
    multi_az       = false
    backup_days    = 7
  }

  schedule              = "cron(0 5 ? * MON-FRI *)"
  time_zone             = var.time_zone
  scheduled             = var.scheduled
  expected_within_hours = 75 # over a weekend
  alarm_email           = var.alarm_email
  monthly_budget        = 300

  allowed_cidrs      = var.allowed_cidrs
  domain             = var.domain
  scan_limit_gb      = 10
  log_retention_days = 30
  backup_days        = 7
  destroyable        = true
}
