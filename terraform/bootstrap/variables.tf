variable "region" {
  description = "Region of AWS."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Set region to a name such as us-east-1 or sa-east-1."
  }
}

variable "prefix" {
  description = "Beginning of the bucket's name; the account's number follows."
  type        = string
  default     = "comporta"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.prefix))
    error_message = "Set prefix to 3 to 24 small letters, digits and hyphens, a letter first."
  }
}
