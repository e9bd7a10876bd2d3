output "documents" {
  description = "What a session is started with, by door: shell, database, spark."
  value       = { for door, made in aws_ssm_document.this : door => made.name }
}

output "policy_arns" {
  description = "Policies to attach to whoever may: operator (all three doors), sql (the Spark server's ports)."
  value       = { for who, made in aws_iam_policy.this : who => made.arn }
}
