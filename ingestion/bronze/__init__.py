"""Bronze tables: their files, the work that makes them, the one transaction of a batch, their maintenance. No source is named here."""
