output "secret_arn" {
  description = "Where SPARK_SECRET is to be put."
  value       = aws_secretsmanager_secret.this.arn
}

output "security_group_id" {
  description = "The workers' security group."
  value       = aws_security_group.this.id
}
