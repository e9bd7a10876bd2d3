variable "region" {
  description = "Region of AWS."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region))
    error_message = "Set region to a name such as us-east-1 or sa-east-1; the partitions of China and of the US government were not tried."
  }
}

variable "availability_zones" {
  description = "Zones, the machine's first. Null: the region's first ones with such a machine. Write them down after the first apply (output lakehouse.availability_zones), so that nothing moves when AWS's list changes."
  type        = list(string)
  default     = null
}

variable "image_tag" {
  description = "Tag of Comporta's container image, as it was pushed. Null until then: all is made but the server."
  type        = string
  default     = null
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
  description = "Time zone of the schedule, and by how many hours its clocks are ahead of UTC: one number, or two where summer has another."
  type        = object({ name = string, utc_offsets = list(number) })
  default     = { name = "UTC", utc_offsets = [0] }
}

variable "workers" {
  description = "Machines that run Spark's tasks beside the server's, as { instance_type = \"m7i.2xlarge\", least = 1, most = 4, executor_memory = \"20g\" }. Null: none."
  type        = object({ instance_type = string, least = number, most = number, volume_gb = optional(number, 100), executor_memory = string })
  default     = null
}

variable "trusted" {
  description = "The job of Glue that makes plain Parquet of the RAW zone, as {} or { worker_type = \"G.2X\", workers = 4, timeout_minutes = 120 }. Null: no job."
  type        = object({ worker_type = optional(string, "G.1X"), workers = optional(number, 2), timeout_minutes = optional(number, 60) })
  default     = null
}
