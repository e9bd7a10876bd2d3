variable "name" {
  description = "Prefix of every name, such as comporta-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name))
    error_message = "Set name to 3 to 24 small letters, digits and hyphens, a letter first: bucket names are made of it."
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

variable "docs_domain_name" {
  description = "Where the docs bucket is (output docs_domain_name of module lake)."
  type        = string
}

variable "allowed_cidrs" {
  description = "IPv4 addresses that may open the site, such as the office's and the VPN's. Nobody else sees anything."
  type        = set(string)

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0)) && can(regex("/(1[6-9]|2[0-9]|3[0-2])$", cidr))])
    error_message = "Name one or more IPv4 blocks of /16 or smaller, such as [\"203.0.113.7/32\"]. The site shows what is wrong with your data: it is not for everybody."
  }
}

variable "domain" {
  description = "Name of the site, such as docs.example.com, and the ARN of its certificate in us-east-1. Null: a name of CloudFront's."
  type        = object({ name = string, certificate_arn = string })
  default     = null

  validation {
    condition     = var.domain == null ? true : can(regex("^arn:aws[a-z-]*:acm:us-east-1:", var.domain.certificate_arn))
    error_message = "Ask for the certificate in us-east-1: CloudFront takes it from no other region."
  }
}
