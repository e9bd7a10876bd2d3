output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Addresses of the VPC."
  value       = aws_vpc.this.cidr_block
}

output "subnet_ids" {
  description = "Private subnets, in the order of availability_zones."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "s3_prefix_list_id" {
  description = "Addresses of S3 in this region, for rules of security groups."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}
