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

  validation {
    condition     = length(setsubtract(["raw", "bronze", "silver", "gold", "docs"], keys(var.bucket_arns))) == 0
    error_message = "Give bucket_arns of raw, bronze, silver, gold and docs (output bucket_arns of module lake)."
  }
}

variable "lake_key_arn" {
  description = "ARN of the key of the lake's data."
  type        = string
}

variable "key_arn" {
  description = "ARN of the key of secrets and logs."
  type        = string
}

variable "ingestion_secret_arn" {
  description = "Secret that holds SOURCE_DSN."
  type        = string
}

variable "log_group_arns" {
  description = "Log groups that the containers write to, by server and jobs."
  type        = object({ server = string, jobs = string })
}

variable "repository_arns" {
  description = "Repositories that images are fetched from."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : !strcontains(arn, "*")])
    error_message = "Name each repository by its ARN, without a wildcard."
  }
}

variable "glue_database_names" {
  description = "Databases of Glue in which releases are registered (output database_names of module catalog)."
  type        = list(string)

  validation {
    condition     = length(var.glue_database_names) > 0 && alltrue([for name in var.glue_database_names : can(regex("^[a-z][a-z0-9_]*$", name))])
    error_message = "Name Glue's databases as Athena can without quotes: small letters, digits and underscores."
  }
}
