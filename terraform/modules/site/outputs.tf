output "distribution_arn" {
  description = "ARN of the distribution, which the docs bucket lets read."
  value       = aws_cloudfront_distribution.this.arn
}

output "url" {
  description = "Where people open the site."
  value       = "https://${var.domain == null ? aws_cloudfront_distribution.this.domain_name : var.domain.name}/"
}
