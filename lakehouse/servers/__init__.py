"""Servers of this machine: Spark, PostgreSQL and the S3 server; their processes, Java and jars."""
