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
  description = "The VPC of the server."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of the VPC, where the endpoints of AWS and the database are."
  type        = string
}

variable "subnet_id" {
  description = "Private subnet of the server."
  type        = string
}

variable "s3_prefix_list_id" {
  description = "Addresses of S3 (output s3_prefix_list_id of module network)."
  type        = string
}

variable "server" {
  description = "The machine that drives the cluster: its address, security group and ECS cluster, and the role by which ECS starts the server on it."
  type        = object({ private_ip = string, security_group_id = string, cluster_arn = string, starter_role_name = string })
}

variable "job" {
  description = "What containers share with the server (output job of module spark)."
  type        = object({ image = string, users = map(string), folder = string })

  validation {
    condition     = length(setsubtract(["master", "worker"], keys(var.job.users))) == 0
    error_message = "Name the users of master and worker in job.users (output job of module spark)."
  }
}

variable "repository_arns" {
  description = "Repositories that the image is fetched from."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : !strcontains(arn, "*")])
    error_message = "Name each repository by its ARN, without a wildcard."
  }
}

variable "task_role_arn" {
  description = "Role that executors have towards AWS: the server's, whose work they do."
  type        = string
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when no worker is there."
  type        = string
}

variable "size" {
  description = "Workers at least, and at most."
  type        = object({ least = number, most = number })

  validation {
    condition     = var.size.least >= 1 && var.size.most >= var.size.least && var.size.most <= 100
    error_message = "Set size to least = 1 or more, and most not below it, up to 100: without a worker every query waits, and the bill follows most."
  }
}

variable "instance_type" {
  description = "Size of each worker's machine."
  type        = string

  validation {
    condition     = can(regex("^[cmr][5-9]i?[a-z]*\\.(x?large|[0-9]+xlarge)$", var.instance_type)) && !can(regex("^[cmr][0-9]g", var.instance_type))
    error_message = "Set instance_type to a type of the families c, m or r with x86 processors, such as m7i.xlarge or r7i.2xlarge. Burstable ones (t3) run out of credits in the middle of a merge, and on ARM the image was not tried."
  }
}

variable "ami_id" {
  description = "Image of the machines. Null: Amazon's newest for ECS on Amazon Linux 2023."
  type        = string
  default     = null
}

variable "volume_gb" {
  description = "Size of each worker's disk, for what it spills and stages."
  type        = number
  default     = 100

  validation {
    condition     = var.volume_gb >= 50 && var.volume_gb <= 16384
    error_message = "Set volume_gb to 50 to 16384: sorting and joining spill to it, about twice the largest table over all workers."
  }
}

variable "destroyable" {
  description = "Whether terraform destroy removes the secret at once."
  type        = bool
  default     = false
}
