# The bucket is named at init: terraform init -backend-config=bucket=… -backend-config=region=… (output of terraform/bootstrap).
terraform {
  backend "s3" {
    key          = "comporta/dev/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
