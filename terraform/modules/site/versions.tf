terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # What CloudFront needs of WAF lives in us-east-1, wherever the rest is.
      configuration_aliases = [aws.global]
    }
  }
}
