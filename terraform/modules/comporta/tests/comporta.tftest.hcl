mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "global"
  source = "../../mocks"
}

variables {
  name                  = "comporta-test"
  cidr                  = "10.40.0.0/20"
  endpoint_zones        = 1
  instance_type         = "m7i.large"
  volume_gb             = 50
  spark_memory          = "4g"
  image_tag             = null
  aws_cli_tag           = "2.27.0"
  database              = { instance_class = "db.t4g.micro", storage_gb = { initial = 20, most = 100 }, multi_az = false, backup_days = 7 }
  schedule              = "cron(0 5 * * ? *)"
  scheduled             = false
  expected_within_hours = 26
  alarm_email           = "data@example.com"
  monthly_budget        = 100
  allowed_cidrs         = ["203.0.113.7/32"]
  scan_limit_gb         = 10
  log_retention_days    = 30
  backup_days           = 7
  destroyable           = true
}

run "zones_are_asked_for" {
  command = plan

  assert {
    condition     = output.availability_zones == tolist(["eu-west-1b", "eu-west-1c"])
    error_message = "The first zones of those that have the machine: the mock has no m7i in eu-west-1a."
  }

  assert {
    condition     = data.aws_availability_zones.this.state == "available" && { for f in data.aws_availability_zones.this.filter : f.name => one(f.values) } == { opt-in-status = "opt-in-not-required", zone-type = "availability-zone" }
    error_message = "No local zones, and none that the account had to opt in to."
  }
}

run "zones_that_were_written_down_stay" {
  command = plan

  variables {
    availability_zones = ["eu-west-1d", "eu-west-1b"]
  }

  assert {
    condition     = output.availability_zones == tolist(["eu-west-1d", "eu-west-1b"])
    error_message = "What AWS names first does not matter any more."
  }
}

run "refuses_a_zone_without_such_a_machine" {
  command = plan

  variables {
    availability_zones = ["eu-west-1a", "eu-west-1b"]
  }

  expect_failures = [output.availability_zones]
}

run "refuses_one_zone" {
  command = plan

  variables {
    zones = 1
  }

  expect_failures = [var.zones]
}

# --- The database's windows ----------------------------------------------------------------------------------------------------

run "hourly_but_for_the_windows" {
  command = plan

  variables {
    schedule = "cron(0/15 4-22 * * ? *)"
  }

  assert {
    condition     = length(output.starts) == 19 * 4 && output.starts[0] == "04:00" && output.starts[75] == "22:45"
    error_message = "Each quarter of an hour from 4 to 22."
  }
}

run "an_offset_moves_the_start" {
  command = plan

  variables {
    schedule  = "cron(0 3 * * ? *)" # 06:00 UTC
    time_zone = { name = "America/Sao_Paulo", utc_offsets = [-3] }
  }

  assert {
    condition     = output.starts == ["06:00"]
    error_message = "A clock behind UTC starts later."
  }
}

run "refuses_a_start_within_the_maintenance" {
  command = plan

  variables {
    schedule = "cron(0 3 * * ? *)"
  }

  expect_failures = [output.starts]
}

run "refuses_a_start_within_the_backup" {
  command = plan

  variables {
    schedule = "cron(59 1 * * ? *)"
  }

  expect_failures = [output.starts]
}

run "refuses_a_run_that_would_go_on_into_a_window" {
  command = plan

  variables {
    schedule = "cron(30 23 * * ? *)"
  }

  expect_failures = [output.starts]
}

run "refuses_what_meets_a_window_in_summer_only" {
  command = plan

  variables {
    schedule  = "cron(0 4 * * ? *)" # 04:00 UTC in winter, 03:00 in summer
    time_zone = { name = "Europe/Lisbon", utc_offsets = [0, 1] }
  }

  expect_failures = [output.starts]
}

run "refuses_half_hours_that_meet_a_window" {
  command = plan

  variables {
    schedule  = "cron(0 8 * * ? *)" # 02:30 UTC
    time_zone = { name = "Asia/Kolkata", utc_offsets = [5.5] }
  }

  expect_failures = [output.starts]
}

run "refuses_one_of_many_starts" {
  command = plan

  variables {
    schedule = "cron(0 6,12-20/4,0/24 * * ? *)" # also at midnight
  }

  expect_failures = [output.starts]
}

run "refuses_every_hour" {
  command = plan

  variables {
    schedule = "cron(0 * * * ? *)"
  }

  expect_failures = [output.starts]
}

run "refuses_a_window_over_midnight" {
  command = plan

  variables {
    schedule         = "cron(10 0 * * ? *)"
    database_windows = { backup = "23:30-00:30", maintenance = "sun:02:30-sun:03:30" }
    run_hours        = 1
  }

  expect_failures = [output.starts]
}

run "refuses_a_rate" {
  command = plan

  variables {
    schedule = "rate(1 hour)"
  }

  expect_failures = [output.starts]
}

run "refuses_what_it_can_not_read" {
  command = plan

  variables {
    schedule = "cron(0 five * * ? *)"
  }

  expect_failures = [output.starts]
}

run "refuses_offsets_that_are_none" {
  command = plan

  variables {
    time_zone = { name = "UTC", utc_offsets = [15] }
  }

  expect_failures = [var.time_zone]
}

run "refuses_a_schedule_without_an_image" {
  command = plan

  variables {
    scheduled = true
  }

  expect_failures = [var.scheduled]
}

run "refuses_workers_without_an_image" {
  command = plan

  variables {
    workers = { instance_type = "m7i.large", least = 1, most = 2, executor_memory = "4g" }
  }

  expect_failures = [var.workers]
}
