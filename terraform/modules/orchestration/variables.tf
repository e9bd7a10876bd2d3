variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
  }
}

variable "key_arn" {
  description = "ARN of the KMS key that encrypts what this module keeps."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.key_arn))
    error_message = "Set key_arn to the ARN of a KMS key (module key has one as its output arn), not to an alias."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Set log_retention_days to a number that CloudWatch knows and that is at least 30, such as 30, 90, 365 or 731."
  }
}

variable "cluster_arn" {
  description = "The ECS cluster whose machine runs the Spark server."
  type        = string
}

variable "job" {
  description = "What a job's container shares with the Spark server (output job of module spark)."
  type = object({
    image       = string
    users       = map(string)
    folder      = string
    environment = map(string)
  })

  validation {
    condition     = length(distinct(values(var.job.users))) == length(var.job.users) && alltrue([for user in values(var.job.users) : can(regex("^[1-9][0-9]*:[1-9][0-9]*$", user))])
    error_message = "Give each job in job.users a user of its own, as uid:gid, and not root: two of one user read each other's secrets."
  }
}

variable "publish_image" {
  description = "Image of the AWS command line, in a repository that the network reaches."
  type        = string

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_.-]+)$", var.publish_image)) && !endswith(var.publish_image, ":latest")
    error_message = "Set publish_image to a tag or digest that always means the same; latest would change under a running pipeline."
  }
}

variable "docs_bucket" {
  description = "Name of the bucket of the docs site."
  type        = string
}

variable "job_role_arns" {
  description = "Roles of the jobs (output job_arns of module roles)."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["ingest", "gate", "build", "release", "site", "publish"], keys(var.job_role_arns))) == 0
    error_message = "Give job_role_arns of ingest, gate, build, release, site and publish (output job_arns of module roles)."
  }
}

variable "starter_role_arns" {
  description = "Roles by which ECS starts jobs (output starter_arns of module roles)."
  type        = object({ job = string, ingest = string })
}

variable "ingestion_secret_arn" {
  description = "Secret that holds SOURCE_DSN."
  type        = string
}

variable "schedule" {
  description = "When the pipeline runs, as cron(…) or rate(…) of EventBridge."
  type        = string
  default     = "cron(0 5 * * ? *)"

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.schedule))
    error_message = "Set schedule to cron(minute hour day month weekday year), such as cron(0 5 * * ? *), or rate(1 hour)."
  }
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+/[A-Za-z_/]+)$", var.time_zone))
    error_message = "Set time_zone to UTC or a name of the IANA database, such as Europe/Lisbon or America/Sao_Paulo."
  }
}

variable "scheduled" {
  description = "Whether the schedule is on. Off until the source's DSN and the image are in their places."
  type        = bool
  default     = false
}

variable "job_hours" {
  description = "Hours after which a job that has not ended is stopped."
  type        = number
  default     = 6

  validation {
    condition     = var.job_hours >= 1 && var.job_hours <= 48
    error_message = "Set job_hours to 1 to 48: a first copy of a large source may take some hours, a job that hangs should not hold the night."
  }
}

variable "expected_within_hours" {
  description = "An alarm rings where no run has succeeded for so many hours."
  type        = number
  default     = 26

  validation {
    condition     = var.expected_within_hours >= 2 && var.expected_within_hours <= 167
    error_message = "Set expected_within_hours to 2 to 167, a little longer than the schedule's interval; CloudWatch looks back seven days at most."
  }
}

variable "alarm_email" {
  description = "Who is told of failures and alarms. AWS sends a message that must be confirmed first."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "Set alarm_email to an address that somebody reads, such as data@example.com."
  }
}

variable "monthly_budget" {
  description = "US dollars a month. At 80 percent spent, and when the month is forecast to pass it, alarm_email is told. Nothing is stopped."
  type        = number

  validation {
    condition     = var.monthly_budget >= 10
    error_message = "Set monthly_budget to what the account may cost in a month, 10 dollars or more; docs/aws.md has the sums."
  }
}
