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

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.40.0.0/20"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/(1[6-9]|2[0-2])$", var.cidr))
    error_message = "Set cidr to a block between /16 and /22 that no network that you connect to this one uses, such as 10.40.0.0/20."
  }
}

variable "availability_zones" {
  description = "Zones of the private subnets; the first one is the Spark server's."
  type        = list(string)

  validation {
    condition     = length(distinct(var.availability_zones)) == length(var.availability_zones) && length(var.availability_zones) >= 2 && length(var.availability_zones) <= 4
    error_message = "Name two to four different zones of the region, such as [\"us-east-1a\", \"us-east-1b\"]: RDS wants subnets in two."
  }
}

variable "endpoint_zones" {
  description = "Number of zones that have interface endpoints. Each endpoint is paid for by zone and hour; with one, the loss of that zone cuts the others off from AWS."
  type        = number
  default     = 1

  validation {
    condition     = var.endpoint_zones >= 1 && var.endpoint_zones <= length(var.availability_zones) && floor(var.endpoint_zones) == var.endpoint_zones
    error_message = "Set endpoint_zones to a whole number from 1 to the number of availability_zones."
  }
}

variable "interface_endpoints" {
  description = "AWS services that are reached from the private subnets. There is no other way out."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "glue", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages", "sts"]

  validation {
    condition     = length(setsubtract(["ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "glue", "logs", "monitoring", "secretsmanager", "sts"], var.interface_endpoints)) == 0
    error_message = "Leave ecr.api, ecr.dkr, ecs, ecs-agent, ecs-telemetry, glue, logs, monitoring, secretsmanager and sts in interface_endpoints: without them no container starts, or nobody hears that a disk is full."
  }
}
