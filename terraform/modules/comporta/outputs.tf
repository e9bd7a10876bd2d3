output "lake_url" {
  description = "LAKE_URL of Comporta."
  value       = module.lake.lake_url
}

output "bucket_names" {
  description = "The lake's buckets, by what they hold."
  value       = module.lake.bucket_names
}

output "database_endpoint" {
  description = "Host and port of PostgreSQL."
  value       = module.database.endpoint
}

output "owner_secret_arn" {
  description = "Where RDS keeps the password of PostgreSQL's owner."
  value       = module.database.owner_secret_arn
}

output "ingestion_secret_arn" {
  description = "Where SOURCE_DSN is to be put."
  value       = module.database.ingestion_secret_arn
}

output "repository_urls" {
  description = "Where images are pushed to: comporta and aws-cli."
  value       = module.spark.repository_urls
}

output "cluster_name" {
  description = "ECS cluster of the server and the jobs."
  value       = module.spark.cluster_name
}

output "instance_id" {
  description = "The Spark server's machine, to forward ports from."
  value       = module.spark.instance_id
}

output "state_machine_arn" {
  description = "The pipeline."
  value       = module.orchestration.state_machine_arn
}

output "definition" {
  description = "The pipeline's definition, in Amazon States Language."
  value       = module.orchestration.definition
}

output "workgroup" {
  description = "Athena's workgroup."
  value       = module.catalog.workgroup
}

output "database_names" {
  description = "Glue databases, by layer."
  value       = module.catalog.database_names
}

output "analyst_policy_arn" {
  description = "Policy to attach to whoever may ask Athena."
  value       = module.catalog.analyst_policy_arn
}

output "site_url" {
  description = "Where people open the docs site."
  value       = module.site.url
}
