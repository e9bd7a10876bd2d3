"""What a gate costs beside a scan of the table and beside plain Great Expectations."""
