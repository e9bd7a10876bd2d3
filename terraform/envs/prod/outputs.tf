output "lakehouse" {
  description = "Names, addresses and ARNs that docs/aws.md asks for."
  value       = module.comporta
}
