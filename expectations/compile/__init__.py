"""Checks made SQL: as conditions on a row, as figures of a table, all of a table in one query; and what is left to look at."""
