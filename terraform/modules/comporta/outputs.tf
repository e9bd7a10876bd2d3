output "lake_url" {
  description = "LAKE_URL of Comporta."
  value       = module.lake.lake_url
}

output "bucket_names" {
  description = "The lake's buckets, by what they hold."
  value       = module.lake.bucket_names
}

output "availability_zones" {
  description = "Zones in use, the machine's first. For terraform.tfvars, so that nothing moves when AWS's list changes."
  value       = local.zones

  precondition {
    condition     = length(local.zones) >= 2 && contains(local.offered, local.zones[0])
    error_message = "Two zones are wanted, the first of them with ${var.instance_type}; this region offers it in ${join(", ", sort(local.offered))}, and ${join(", ", local.zones)} would be taken. Take another instance_type, or name availability_zones."
  }
}

output "database_host" {
  description = "Host of PostgreSQL, which listens on 5432."
  value       = module.database.host
}

output "owner_secret_arn" {
  description = "Where RDS keeps the password of PostgreSQL's owner."
  value       = module.database.owner_secret_arn
}

output "ingestion_secret_arn" {
  description = "Where SOURCE_DSN is to be put."
  value       = module.database.ingestion_secret_arn
}

output "spark_secret_arn" {
  description = "Where SPARK_SECRET is to be put; null without workers."
  value       = one(module.workers[*].secret_arn)
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

output "starts" {
  description = "When runs start, in UTC; where summer has other hours, in both. None of them meets the database's windows."
  value       = [for minute in sort(distinct([for start in local.starts : format("%04d", start)])) : format("%02d:%02d", floor(minute / 60), minute % 60)]

  precondition {
    condition     = local.understood
    error_message = "Set schedule to cron(minute hour day month weekday year) with minutes and hours as numbers, lists, ranges or steps, such as cron(0 5 * * ? *) or cron(0 4-22 * * ? *): of rate(…) nobody can say when it runs, and so not whether the database is there."
  }

  precondition {
    condition     = length(local.met) == 0
    error_message = "A run by ${var.schedule} in ${var.time_zone.name}, which takes up to ${var.run_hours} hours, would meet the database's window for ${join(" and ", local.met)}, UTC. Move schedule, or database_windows."
  }
}

output "session_documents" {
  description = "What aws ssm start-session is given as --document-name, by door: shell, database, spark."
  value       = module.sessions.documents
}

output "session_policy_arns" {
  description = "Policies to attach to whoever may open sessions: operator, sql."
  value       = module.sessions.policy_arns
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

output "trusted" {
  description = "The job of Glue that makes plain Parquet, and where its queries are put; null without it."
  value       = var.trusted == null ? null : { job_name = module.trusted[0].job_name, scripts_url = module.trusted[0].scripts_url, role_arn = module.trusted[0].role_arn }
}

output "site_url" {
  description = "Where people open the docs site."
  value       = module.site.url
}
