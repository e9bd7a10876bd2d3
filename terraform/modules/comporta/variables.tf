# Checked by the modules that they are passed to, which say what to do.

variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "zones" {
  description = "Number of zones, where the region has so many that offer instance_type."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "Set zones to 2, 3 or 4: RDS wants subnets in two."
  }
}

variable "availability_zones" {
  description = "Zones of the private subnets; the first one is the Spark server's, and its disk's. Null: the first that AWS names. Write them down after the first apply (output availability_zones), so that nothing moves when AWS's list changes."
  type        = list(string)
  default     = null
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

variable "workers" {
  description = "Machines that run Spark's tasks beside the server's: their size, how many at least and at most, the disk of each, and the heap of its executor. Null: none, the server's machine does all."
  type        = object({ instance_type = string, least = number, most = number, volume_gb = optional(number, 100), executor_memory = string })
  default     = null

  validation {
    condition     = var.workers == null || var.image_tag != null
    error_message = "Set workers once image_tag is set: a worker runs the same image as the server."
  }
}

variable "trusted" {
  description = "The job of Glue that makes plain Parquet of the RAW zone (docs/trusted.md): its workers' size and number, and when a run is ended. {}: small. Null: no job."
  type        = object({ worker_type = optional(string, "G.1X"), workers = optional(number, 2), timeout_minutes = optional(number, 60) })
  default     = null
}

variable "image_tag" {
  description = "Tag of Comporta's container image. Null until it was pushed: all is made but the server."
  type        = string
}

variable "aws_cli_tag" {
  description = "Tag of the image of the AWS command line, which copies the site to its bucket."
  type        = string
}

variable "settings" {
  description = "More settings of Comporta (docs/reference.md), such as KEPT_RELEASES. Nothing secret."
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

variable "database_windows" {
  description = "Hours, in UTC, in which RDS copies the database and may stop it for maintenance."
  type        = object({ backup = string, maintenance = string })
  default     = { backup = "01:00-02:00", maintenance = "sun:02:30-sun:03:30" }
}

variable "run_hours" {
  description = "Hours that a run may take before one of the database's windows."
  type        = number
  default     = 2

  validation {
    condition     = var.run_hours > 0 && var.run_hours <= 12
    error_message = "Set run_hours to the hours that a run takes, up to 12."
  }
}

variable "schedule" {
  description = "When the pipeline runs, as cron(…) of EventBridge; outside of the database's windows (output starts)."
  type        = string
}

variable "time_zone" {
  description = "Time zone of the schedule, and by how many hours its clocks are ahead of UTC: one number, or two where summer has another, such as { name = \"Europe/Lisbon\", utc_offsets = [0, 1] }."
  type        = object({ name = string, utc_offsets = list(number) })
  default     = { name = "UTC", utc_offsets = [0] }

  validation {
    condition     = contains([1, 2], length(distinct(var.time_zone.utc_offsets))) && alltrue([for hours in var.time_zone.utc_offsets : hours >= -12 && hours <= 14 && floor(hours * 4) == hours * 4])
    error_message = "Set time_zone.utc_offsets to the hours by which its clocks are ahead of UTC, in winter and in summer, such as [0, 1] for Europe/Lisbon, [-3] for America/Sao_Paulo or [5.5] for Asia/Kolkata."
  }

  validation {
    condition     = var.time_zone.name != "UTC" || toset(var.time_zone.utc_offsets) == toset([0])
    error_message = "Set time_zone.utc_offsets of UTC to [0]."
  }
}

variable "scheduled" {
  description = "Whether the schedule is on."
  type        = bool

  validation {
    condition     = !var.scheduled || var.image_tag != null
    error_message = "Set scheduled once image_tag is set and a run has succeeded: without an image each run fails."
  }
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
