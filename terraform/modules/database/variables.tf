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

variable "vpc_id" {
  description = "The VPC of the database."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Give subnet_ids of at least two zones (output subnet_ids of module network): RDS wants them even for one instance."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may reach the database, by a name for each."
  type        = map(string)
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when the database needs somebody."
  type        = string
}

variable "engine_version" {
  description = "Version of PostgreSQL. A major version alone lets RDS choose the minor one."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[4-8](\\.[0-9]+)?$", var.engine_version))
    error_message = "Set engine_version to 14 to 18, such as \"17\" or \"17.5\"."
  }
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
  default     = "db.t4g.medium"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "Set instance_class to a class of RDS, such as db.t4g.medium or db.m7g.large."
  }
}

variable "storage_gb" {
  description = "Size of the disk at first, and up to which RDS may let it grow."
  type        = object({ initial = number, most = number })
  default     = { initial = 50, most = 500 }

  validation {
    condition     = var.storage_gb.initial >= 20 && var.storage_gb.most >= var.storage_gb.initial * 1.1
    error_message = "Set storage_gb.initial to 20 or more, and most to at least a tenth more: RDS refuses less."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the first fails. It doubles the price of the instance and its disk."
  type        = bool
  default     = false
}

variable "backup_days" {
  description = "Days back to which the database can be restored, to the second."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Set backup_days to 7 to 35: RDS keeps no more, and fewer don't outlast a holiday."
  }
}

variable "backup_window" {
  description = "Half an hour or more, in UTC, in which RDS copies the database each day."
  type        = string
  default     = "01:00-02:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup_window))
    error_message = "Set backup_window as hh:mm-hh:mm in UTC, such as 01:00-02:00."
  }
}

variable "maintenance_window" {
  description = "Half an hour or more, in UTC, in which RDS may stop the database once a week."
  type        = string
  default     = "sun:02:30-sun:03:30"

  validation {
    condition     = can(regex("^((mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9](-|$)){2}", var.maintenance_window))
    error_message = "Set maintenance_window as ddd:hh:mm-ddd:hh:mm in UTC, such as sun:02:30-sun:03:30."
  }
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the database. Where it is off, no last snapshot is taken either."
  type        = bool
  default     = true
}
