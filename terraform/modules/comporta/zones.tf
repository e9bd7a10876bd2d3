# Zones are asked for: not every region has an "a", and not every zone has every machine. Local and wavelength zones are left out;
# RDS and endpoints don't go there.

data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394: It names zones until they are written down (availability_zones); till then their number is fixed, and a new zone, of a later letter, moves nothing.
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

data "aws_ec2_instance_type_offerings" "this" {
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = [var.instance_type]
  }
}

locals {
  offered = data.aws_ec2_instance_type_offerings.this.locations
  usable  = sort(setintersection(data.aws_availability_zones.this.names, local.offered))
  zones   = var.availability_zones == null ? slice(local.usable, 0, min(var.zones, length(local.usable))) : var.availability_zones
}
