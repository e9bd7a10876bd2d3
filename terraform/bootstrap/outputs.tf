output "bucket" {
  description = "Bucket of Terraform's state."
  value       = aws_s3_bucket.this["state"].id
}

output "key_arn" {
  description = "ARN of its key."
  value       = aws_kms_key.this.arn
}

output "backend" {
  description = "What terraform init asks for, to be written to a file: terraform output -raw backend > ../envs/dev/state.s3.tfbackend."
  value       = <<-EOT
    bucket     = "${local.names["state"]}"
    kms_key_id = "${aws_kms_key.this.arn}"
    region     = "${var.region}"
  EOT
}
