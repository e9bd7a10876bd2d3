variable "region" {
  description = "Region of AWS."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Set region to a name such as us-east-1 or sa-east-1; the partitions of China and of the US government were not tried."
  }
}

variable "image_tag" {
  description = "Tag of Comporta's container image, as it was pushed."
  type        = string
  default     = "0.1.0"
}

variable "aws_cli_tag" {
  description = "Tag of the image of the AWS command line, as it was pushed."
  type        = string
  default     = "2.27.0"
}

variable "alarm_email" {
  description = "Who is told of failures and alarms."
  type        = string
}

variable "allowed_cidrs" {
  description = "IPv4 addresses that may open the docs site, such as [\"203.0.113.7/32\"]."
  type        = set(string)
}

variable "domain" {
  description = "Name of the docs site and the ARN of its certificate in us-east-1. Null: a name of CloudFront's."
  type        = object({ name = string, certificate_arn = string })
  default     = null
}

variable "scheduled" {
  description = "Whether the pipeline runs by itself. On once the image and the source's DSN are in their places."
  type        = bool
  default     = false
}

variable "time_zone" {
  description = "Time zone of the schedule."
  type        = string
  default     = "UTC"
}
