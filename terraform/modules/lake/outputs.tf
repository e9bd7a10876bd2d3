output "bucket_names" {
  description = "Names of the buckets, by what they hold: raw, bronze, silver, gold, artifacts, docs."
  value       = { for bucket in local.data : bucket => aws_s3_bucket.this[bucket].id }
}

output "bucket_arns" {
  description = "ARNs of the buckets, by what they hold."
  value       = { for bucket in local.data : bucket => aws_s3_bucket.this[bucket].arn }
}

output "docs_domain_name" {
  description = "Where CloudFront finds the docs bucket."
  value       = aws_s3_bucket.this["docs"].bucket_regional_domain_name
}

output "key_arn" {
  description = "ARN of the key of the lake's data."
  value       = aws_kms_key.this.arn
}

output "lake_url" {
  description = "LAKE_URL of Comporta, in the bronze bucket: bronze, quarantine, ops and what people try out."
  value       = "s3://${aws_s3_bucket.this["bronze"].id}/lake"

  # Nothing may be written before the bucket is private, encrypted and versioned.
  depends_on = [
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "layer_urls" {
  description = "SILVER_URL and GOLD_URL of Comporta, each in its layer's bucket."
  value       = { for layer in ["silver", "gold"] : layer => "s3://${aws_s3_bucket.this[layer].id}/lake" }

  depends_on = [
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
