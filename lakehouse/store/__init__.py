"""Where a lake lies, a folder or S3, and who may write it: paths, objects, the lock and the lease."""
