# When runs start, in UTC, so that they can be compared with the hours in which RDS may stop the database. Days of the week and of
# the month are not looked at: a schedule is right on all of them.

locals {
  day = 24 * 60 # minutes

  # minute and hour of cron(minute hour day month weekday year), each a list of *, a, a-b, and any of them with /step
  fields = try(slice(split(" ", regex("^cron\\((.+)\\)$", var.schedule)[0]), 0, 2), [])
  parts = [for index, field in local.fields : [for part in split(",", field) : concat(
    try(regex("^(\\*|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?$", part), [null, null, null, null]), [[59, 23][index]],
  )]]
  understood = length(local.fields) == 2 && alltrue([for part in flatten([for parts in local.parts : [for part in parts : part[0] != null]]) : part])

  numbers = !local.understood ? [[], []] : [for parts in local.parts : flatten([for part in parts : range(
    part[0] == "*" ? 0 : tonumber(part[1]),
    1 + tonumber(part[0] == "*" ? part[4] : part[2] != null ? part[2] : part[3] != null ? part[4] : part[1]),
    tonumber(part[3] == null ? 1 : part[3]),
  )])]

  starts = flatten([for offset in var.time_zone.utc_offsets : [for hour in local.numbers[1] : [for minute in local.numbers[0] :
    (hour * 60 + minute - offset * 60 + 2 * local.day) % local.day
  ]]])

  # first and last minute: the weekday of the one for maintenance is not looked at either
  windows = { for name, window in var.database_windows : name =>
    [for time in regexall("([0-9]{2}):([0-9]{2})", window) : tonumber(time[0]) * 60 + tonumber(time[1])]
  }

  # A run meets a window when it starts in it, or less than run_hours before it.
  met = distinct(flatten([for name, window in local.windows : [for start in local.starts :
    "${name} (${var.database_windows[name]})"
    if(window[0] - start + local.day) % local.day < var.run_hours * 60 || (start - window[0] + local.day) % local.day < (window[1] - window[0] + local.day) % local.day
  ]]))
}
