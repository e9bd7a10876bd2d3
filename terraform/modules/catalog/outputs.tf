output "database_names" {
  description = "Glue databases, by layer."
  value       = { for layer, made in aws_glue_catalog_database.this : layer => made.name }
}

output "workgroup" {
  description = "Athena's workgroup."
  value       = aws_athena_workgroup.this.name
}

output "analyst_policy_arn" {
  description = "Policy to attach to whoever may ask."
  value       = aws_iam_policy.analyst.arn
}

output "prefix" {
  description = "What the databases' names begin with: GLUE_PREFIX, where Comporta knows it."
  value       = local.prefix
}
