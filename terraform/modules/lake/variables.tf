variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
  }
}

variable "docs_distribution_arn" {
  description = "ARN of the CloudFront distribution that may read the docs bucket."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:cloudfront::", var.docs_distribution_arn))
    error_message = "Set docs_distribution_arn to the ARN of the site's distribution (output distribution_arn of module site)."
  }
}

variable "noncurrent_days" {
  description = "Days for which overwritten and removed objects can be brought back. Comporta keeps versions of tables itself; this is for the mistake that goes past it."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 7 && var.noncurrent_days <= 365
    error_message = "Set noncurrent_days to 7 to 365: fewer leave no time to notice a mistake, more are paid for twice."
  }
}

variable "access_log_days" {
  description = "Days for which the log of who read which object is kept."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 30 && var.access_log_days <= 3653
    error_message = "Set access_log_days to 30 to 3653."
  }
}

variable "destroyable" {
  description = "Whether terraform destroy may remove buckets with objects in them. Only for environments that hold nothing of worth."
  type        = bool
  default     = false
}
