output "bucket" {
  description = "Bucket of Terraform's state, for -backend-config=bucket=…"
  value       = aws_s3_bucket.this.id
}
