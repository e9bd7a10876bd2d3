variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
  }
}

variable "raw_url" {
  description = "RAW zone, as s3://bucket/prefix: what the job may read."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9.-]+/[^*?]+$", var.raw_url))
    error_message = "Set raw_url as s3://bucket/prefix, without a wildcard: the job reads all that is below it."
  }
}

variable "trusted_url" {
  description = "Where plain Parquet goes, as s3://bucket/prefix: what the job may write, and remove."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9.-]+/[^*?]+$", var.trusted_url))
    error_message = "Set trusted_url as s3://bucket/prefix, without a wildcard: the job may remove all that is below it."
  }

  validation {
    condition     = !startswith("${var.trusted_url}/", "${var.raw_url}/") && !startswith("${var.raw_url}/", "${var.trusted_url}/")
    error_message = "Set trusted_url to a place that is neither in raw_url nor around it: what is raw is never written by the job."
  }
}

variable "artifacts_bucket" {
  description = "Name of the bucket for the script and its queries."
  type        = string
}

variable "script" {
  description = "Path of jobs/trusted.py on the machine that applies."
  type        = string

  validation {
    condition     = fileexists(var.script)
    error_message = "Set script to the path of jobs/trusted.py: there is no such file."
  }
}

variable "lake_key_arn" {
  description = "ARN of the key of the lake's data."
  type        = string
}

variable "key_arn" {
  description = "ARN of the key of logs."
  type        = string
}

variable "worker_type" {
  description = "Size of a worker: G.1X has 4 vCPU and 16 GB, each further one twice as much."
  type        = string
  default     = "G.1X"

  validation {
    condition     = contains(["G.1X", "G.2X", "G.4X", "G.8X"], var.worker_type)
    error_message = "Set worker_type to G.1X, G.2X, G.4X or G.8X."
  }
}

variable "workers" {
  description = "Number of workers of a run, its driver among them."
  type        = number
  default     = 2

  validation {
    condition     = var.workers >= 2 && var.workers <= 50 && floor(var.workers) == var.workers
    error_message = "Set workers to 2 to 50: Glue wants two, and each is paid for by the second."
  }
}

variable "timeout_minutes" {
  description = "Minutes after which a run is ended."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_minutes >= 5 && var.timeout_minutes <= 1440 && floor(var.timeout_minutes) == var.timeout_minutes
    error_message = "Set timeout_minutes to 5 to 1440: a run that hangs is paid for until it is ended."
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
