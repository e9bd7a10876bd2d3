output "state_machine_arn" {
  description = "The pipeline."
  value       = aws_sfn_state_machine.this.arn
}

output "definition" {
  description = "Its definition, in Amazon States Language."
  value       = aws_sfn_state_machine.this.definition
}

output "topic_arn" {
  description = "Where alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "jobs_log_group_arn" {
  description = "The jobs' log group."
  value       = aws_cloudwatch_log_group.jobs.arn
}
