"""Makes the lake's bucket in compose.yaml's store, as soon as the store answers."""

import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_SECONDS = 120


def main() -> None:
    """Make the bucket of LAKE_URL unless it is there; an object that comes back says that the store is up."""
    patience = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5, s3={"addressing_style": "path"})
    store = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=patience)
    bucket = os.environ["LAKE_URL"].removeprefix("s3://").split("/")[0]
    give_up = time.monotonic() + _SECONDS
    while True:
        try:
            if bucket not in {one["Name"] for one in store.list_buckets()["Buckets"]}:
                store.create_bucket(Bucket=bucket)
            store.put_object(Bucket=bucket, Key="_up", Body=b"up")
            store.delete_object(Bucket=bucket, Key="_up")
            return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > give_up:
                raise SystemExit(f"✗ {os.environ['AWS_ENDPOINT_URL']}: {error}") from None
            time.sleep(1)


if __name__ == "__main__":
    main()
