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
  description = "Private subnet of the server. Its disk is bound to that zone."
  type        = string
}

variable "availability_zone" {
  description = "Zone of subnet_id."
  type        = string
}

variable "s3_prefix_list_id" {
  description = "Addresses of S3 (output s3_prefix_list_id of module network)."
  type        = string
}

variable "instance_type" {
  description = "Size of the machine. More cores are the first way to grow: a change takes the time of one restart."
  type        = string
  default     = "m7i.xlarge"

  validation {
    condition     = can(regex("^[cmr][5-9]i?[a-z]*\\.(x?large|[0-9]+xlarge)$", var.instance_type)) && !can(regex("^[cmr][0-9]g", var.instance_type))
    error_message = "Set instance_type to a type of the families c, m or r with x86 processors, such as m7i.xlarge or r7i.2xlarge. Burstable ones (t3) run out of credits in the middle of a merge, and on ARM the image was not tried."
  }
}

variable "ami_id" {
  description = "Image of the machine. Null: Amazon's newest for ECS on Amazon Linux 2023 when the machine is made; it then stays until the machine is replaced."
  type        = string
  default     = null
}

variable "volume_gb" {
  description = "Size of the disk for VAR_DIR: metastore, site, scratch space of Spark."
  type        = number
  default     = 100

  validation {
    condition     = var.volume_gb >= 50 && var.volume_gb <= 16384
    error_message = "Set volume_gb to 50 to 16384: sorting and joining spill to it, about twice the largest table."
  }
}

variable "image_tag" {
  description = "Tag of Comporta's container image in the repository that this module makes. Null until it was pushed: all is made but the server."
  type        = string
  default     = null

  validation {
    condition     = var.image_tag == null || (can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", var.image_tag)) && var.image_tag != "latest")
    error_message = "Set image_tag to a tag that always means the same, such as 0.2.0; latest would change under a running pipeline."
  }
}

variable "aws_cli_tag" {
  description = "Tag of the image of the AWS command line in its repository; looked up once image_tag is set."
  type        = string
  default     = "2.27.0"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*$", var.aws_cli_tag)) && var.aws_cli_tag != "latest"
    error_message = "Set aws_cli_tag to a tag that always means the same, such as 2.27.0; latest would change under a running pipeline."
  }
}

variable "environment" {
  description = "Settings of Comporta for the server, such as LAKE_URL. Nothing secret: they can be read in the console."
  type        = map(string)

  validation {
    condition     = length(setintersection(keys(var.environment), ["SOURCE_DSN", "PGPASSWORD", "GATE_WEBHOOK", "SMTP_URL", "SPARK_SECRET"])) == 0
    error_message = "Leave SOURCE_DSN, PGPASSWORD, GATE_WEBHOOK, SMTP_URL and SPARK_SECRET out of environment and put them into Secrets Manager: what stands here ends in Terraform's state."
  }
}

variable "spark_memory" {
  description = "Heap of the server (SPARK_MEMORY). Python workers and jobs need room beside it: about half of the machine's memory."
  type        = string
  default     = "8g"

  validation {
    condition     = can(regex("^[0-9]+[mg]$", var.spark_memory))
    error_message = "Set spark_memory as Java spells it, such as 8g or 6144m."
  }
}

variable "spark_master" {
  description = "SPARK_MASTER: local[*], or spark://host:7077 of a standalone cluster that this network reaches."
  type        = string
  default     = "local[*]"

  validation {
    condition     = can(regex("^(local\\[(\\*|[0-9]+)\\]|spark://[^/]+:[0-9]+)$", var.spark_master))
    error_message = "Set spark_master to local[*] or spark://host:7077: YARN and Kubernetes were not tried."
  }
}

variable "workers" {
  description = "The cluster that module workers makes: where its secret is, and the heap of each executor. Null: the server runs its tasks itself, or on spark_master."
  type        = object({ secret_arn = string, executor_memory = string })
  default     = null

  validation {
    condition     = var.workers == null || can(regex("^[0-9]+[mg]$", var.workers.executor_memory))
    error_message = "Set executor_memory as Java spells it, such as 8g: about two thirds of a worker's memory, since Python's tasks need room beside it."
  }

  validation {
    condition     = var.workers == null || var.spark_master == "local[*]"
    error_message = "Set workers or spark_master: workers bring a master of their own."
  }
}

variable "task_role_arn" {
  description = "Role that the server has towards AWS."
  type        = string
}

variable "execution_role_arn" {
  description = "Role that fetches the image and writes the log."
  type        = string
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when the server needs somebody."
  type        = string
}

variable "backup_days" {
  description = "Days for which a daily copy of the disk is kept."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 365
    error_message = "Set backup_days to 7 to 365: fewer don't outlast a holiday."
  }
}

variable "destroyable" {
  description = "Whether the machine, the images and the copies of the disk may be removed by terraform destroy."
  type        = bool
  default     = false
}
