output "cluster_arn" {
  description = "The ECS cluster in which the jobs run."
  value       = aws_ecs_cluster.this.arn
}

output "cluster_name" {
  description = "Its name."
  value       = aws_ecs_cluster.this.name
}

output "instance_id" {
  description = "The machine, to forward ports from."
  value       = aws_instance.this.id
}

output "security_group_id" {
  description = "The machine's security group."
  value       = aws_security_group.this.id
}

output "repository_urls" {
  description = "Where images are pushed to: comporta and aws-cli."
  value       = { for name, made in aws_ecr_repository.this : name => made.repository_url }
}

output "job" {
  description = "What a job's container shares with the server: image, user, folder of VAR_DIR, settings."
  value = {
    image       = local.image
    user        = tostring(local.uid)
    folder      = local.folder
    environment = local.environment
  }
}

output "repository_arns" {
  description = "ARNs of the repositories."
  value       = [for made in aws_ecr_repository.this : made.arn]
}

output "log_group_arn" {
  description = "The server's log group."
  value       = aws_cloudwatch_log_group.server.arn
}
