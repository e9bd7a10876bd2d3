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

output "private_ip" {
  description = "Its address, where the master of a cluster listens."
  value       = aws_instance.this.private_ip
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
  description = "What a job's container shares with the server: image, folder of VAR_DIR, settings; and the users of all jobs, of which each has one."
  value = {
    image       = local.image
    users       = local.users
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

output "instance_arn" {
  description = "ARN of the machine."
  value       = aws_instance.this.arn
}

output "instance_role_name" {
  description = "Name of the machine's role."
  value       = aws_iam_role.instance.name
}

output "images" {
  description = "What runs of each repository, by digest: comporta and aws-cli."
  value       = local.images
}
