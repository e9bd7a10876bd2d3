# Room and memory of the machine, which AWS sees only from within: CloudWatch's agent tells them (user_data.sh). What it does not tell is
# an alarm too, so that an agent that never started, or died, does not look like a disk with room.

locals {
  namespace = "Comporta"

  agent = {
    agent = { metrics_collection_interval = 60, region = local.region, run_as_user = "root" }
    metrics = {
      namespace              = local.namespace
      append_dimensions      = { InstanceId = "$${aws:InstanceId}" }
      aggregation_dimensions = [["InstanceId", "path"]] # without the device's name, which is another after each start
      metrics_collected = {
        disk = { resources = ["/", local.folder], measurement = ["used_percent"] }
        mem  = { measurement = ["used_percent"] }
      }
    }
  }

  full = {
    room = {
      metric     = "disk_used_percent"
      dimensions = { path = local.folder }
      percent    = 80
      says       = "Less than a fifth of VAR_DIR's disk is free. Where it is full Spark can't spill and the metastore can't commit. Raise volume_gb, then grow the file system (docs/aws.md, Run and watch)."
    }
    system = {
      metric     = "disk_used_percent"
      dimensions = { path = "/" }
      percent    = 85
      says       = "Less than a seventh of the machine's own disk is free: images can't be fetched any more. In a shell: docker image prune."
    }
    memory = {
      metric     = "mem_used_percent"
      dimensions = {}
      percent    = 92
      says       = "Nearly all of the machine's memory has been in use for a quarter of an hour: the next big sort may end the server. Lower spark_memory, or take a larger instance_type."
    }
  }
}

resource "aws_iam_role_policy" "metrics" {
  name = "tell-room-and-memory"
  role = aws_iam_role.instance.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # AWS gives it no resource (Service Authorization Reference, CloudWatch); the namespace is ours.
      Effect    = "Allow"
      Action    = ["cloudwatch:PutMetricData"]
      Resource  = ["*"]
      Condition = { StringEquals = { "cloudwatch:namespace" = local.namespace } }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "full" {
  for_each = local.full

  alarm_name          = "${local.cluster}-${each.key}"
  alarm_description   = "${each.value.says} Or the machine does not tell: see amazon-cloudwatch-agent in a shell."
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = merge({ InstanceId = aws_instance.this.id }, each.value.dimensions)
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.percent
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
