variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
  }
}

variable "bucket_arns" {
  description = "ARNs of the lake's buckets (output bucket_arns of module lake)."
  type        = map(string)
}

variable "artifacts_bucket" {
  description = "Name of the bucket for results of queries."
  type        = string
}

variable "lake_url" {
  description = "Where the tables are, as s3://bucket/prefix."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9.-]+/.+", var.lake_url))
    error_message = "Set lake_url as s3://bucket/prefix (output lake_url of module lake)."
  }
}

variable "lake_key_arn" {
  description = "ARN of the key of the lake's data."
  type        = string
}

variable "scan_limit_gb" {
  description = "Gigabytes that one query may read; Athena stops it there. A terabyte costs about five dollars."
  type        = number
  default     = 100

  validation {
    condition     = var.scan_limit_gb >= 1 && var.scan_limit_gb <= 10000
    error_message = "Set scan_limit_gb to 1 to 10000."
  }
}

variable "destroyable" {
  description = "Whether terraform destroy may remove the workgroup with its saved queries."
  type        = bool
  default     = false
}
