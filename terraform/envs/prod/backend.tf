# Bucket, key and region are named at init: terraform init -backend-config=state.s3.tfbackend (output backend of terraform/bootstrap).
# Without kms_key_id the bucket refuses the state: encrypt alone asks for S3's own key.
terraform {
  backend "s3" {
    key          = "comporta/prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
