# Checked by the modules that they are passed to, which say what to do.

variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "availability_zones" {
  description = "Zones of the private subnets; the first one is the Spark server's."
  type        = list(string)
}

variable "endpoint_zones" {
  description = "Number of zones that have interface endpoints, each paid for by zone and hour."
  type        = number
}

variable "instance_type" {
  description = "Size of the Spark server's machine."
  type        = string
}

variable "volume_gb" {
  description = "Size of its disk for VAR_DIR."
  type        = number
}

variable "spark_memory" {
  description = "Heap of the Spark server."
  type        = string
}

variable "spark_master" {
  description = "SPARK_MASTER: local[*], or spark://host:7077 of a standalone cluster that this network reaches."
  type        = string
  default     = "local[*]"
}

variable "image_tag" {
  description = "Tag of Comporta's container image."
  type        = string
}

variable "aws_cli_tag" {
  description = "Tag of the image of the AWS command line, which copies the site to its bucket."
  type        = string
}

variable "settings" {
  description = "More settings of Comporta (README.md, Settings), such as KEPT_RELEASES. Nothing secret."
  type        = map(string)
  default     = {}
}

variable "database" {
  description = "Size and safety of PostgreSQL."
  type = object({
    instance_class = string
    storage_gb     = object({ initial = number, most = number })
    multi_az       = bool
    backup_days    = number
  })
}

variable "source_name" {
  description = "SOURCE_NAME: prefix of the bronze tables."
  type        = string
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.source_name))
    error_message = "Set source_name to small letters, digits and underscores, a letter first: bronze tables are called source_name__table."
  }
}

variable "schedule" {
  description = "When the pipeline runs, as cron(…) or rate(…) of EventBridge."
  type        = string
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
}

variable "scheduled" {
  description = "Whether the schedule is on."
  type        = bool
}

variable "expected_within_hours" {
  description = "An alarm rings where no run has succeeded for so many hours."
  type        = number
}

variable "alarm_email" {
  description = "Who is told of failures and alarms."
  type        = string
}

variable "monthly_budget" {
  description = "US dollars a month for the account, after which alarm_email is told."
  type        = number
}

variable "allowed_cidrs" {
  description = "IPv4 addresses that may open the docs site."
  type        = set(string)
}

variable "domain" {
  description = "Name of the docs site and the ARN of its certificate in us-east-1. Null: a name of CloudFront's."
  type        = object({ name = string, certificate_arn = string })
  default     = null
}

variable "scan_limit_gb" {
  description = "Gigabytes that one query of Athena may read."
  type        = number
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "backup_days" {
  description = "Days for which a daily copy of the Spark server's disk is kept."
  type        = number
}

variable "destroyable" {
  description = "Whether terraform destroy may remove everything, data included. False protects database, machine, buckets, images and backups."
  type        = bool
}
