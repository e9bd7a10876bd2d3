variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
  }
}

