# What runs: the image that a tag names in its repository, by its digest. A tag is looked up when a plan is made, so a tag that was
# never pushed is refused there, by Terraform, and ECS never tries to fetch it.

locals {
  pushed = var.image_tag == null ? {} : { comporta = var.image_tag, aws-cli = var.aws_cli_tag }

  # Before the first push there are repositories and nothing in them: the jobs name a tag that says so, and no server is started.
  images = { for name, repository in aws_ecr_repository.this : name =>
    var.image_tag == null ? "${repository.repository_url}:not-pushed-yet" : "${repository.repository_url}@${data.aws_ecr_image.this[name].image_digest}"
  }
}

data "aws_ecr_image" "this" {
  for_each = local.pushed

  repository_name = aws_ecr_repository.this[each.key].name
  image_tag       = each.value
}
