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

variable "instance_arn" {
  description = "ARN of the machine (output instance_arn of module spark)."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:ec2:[^*]*:instance/[^*]+$", var.instance_arn))
    error_message = "Set instance_arn to the ARN of one machine (output instance_arn of module spark): a wildcard would let people into others."
  }
}

variable "instance_role_name" {
  description = "Name of the machine's role, which writes the log (output instance_role_name of module spark)."
  type        = string
}

variable "database_host" {
  description = "Host of PostgreSQL, the only one that a port is forwarded to (output host of module database)."
  type        = string
}
