output "job_name" {
  description = "Name of the job, for aws glue start-job-run."
  value       = aws_glue_job.this.name
}

output "role_arn" {
  description = "The job's role."
  value       = aws_iam_role.this.arn
}

output "scripts_url" {
  description = "Where the script is, and where queries are put for it."
  value       = "s3://${var.artifacts_bucket}/${trimsuffix(local.folder, "/")}"
}
