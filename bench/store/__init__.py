"""The whole way on S3 beside the whole way on local disk."""
