output "job_arns" {
  description = "Roles of the programs: spark, ingest, gate, build, release, site, publish."
  value       = { for job, made in aws_iam_role.job : job => made.arn }
}

output "starter_arns" {
  description = "Roles by which ECS starts containers: server, job, ingest (which may read the source's DSN)."
  value       = { for starter, made in aws_iam_role.starter : starter => made.arn }
}
