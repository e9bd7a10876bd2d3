provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "comporta", environment = "prod" }
  }
}

# What CloudFront needs of WAF lives in us-east-1, wherever the rest is.
provider "aws" {
  alias  = "global"
  region = "us-east-1"

  default_tags {
    tags = { project = "comporta", environment = "prod" }
  }
}
