output "host" {
  description = "Host of the database, which listens on 5432."
  value       = aws_db_instance.this.address
}

output "owner_secret_arn" {
  description = "Where RDS keeps the owner's password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "ingestion_secret_arn" {
  description = "Where SOURCE_DSN is to be put."
  value       = aws_secretsmanager_secret.ingestion.arn
}

output "security_group_id" {
  description = "The database's security group."
  value       = aws_security_group.this.id
}
