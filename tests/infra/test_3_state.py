"""Terraform's own state, written to the emulator by the backend of the environments."""

import shutil

import boto3
from infra.terraform import Terraform


def test_the_state_is_written_under_its_key(terraform: Terraform, account: dict[str, str]) -> None:
    """What the bucket of the state refuses (modules' tests) is what Terraform would send without `kms_key_id`."""
    store = boto3.client("s3", endpoint_url=account["AWS_ENDPOINT_URL"])
    key = boto3.client("kms", endpoint_url=account["AWS_ENDPOINT_URL"]).create_key()["KeyMetadata"]["Arn"]
    store.create_bucket(Bucket="the-state")
    store.put_bucket_versioning(Bucket="the-state", VersioningConfiguration={"Status": "Enabled"})
    folder = terraform.folder / "state-only"
    folder.mkdir()
    shutil.copy(terraform.folder / "envs/dev" / "backend.tf", folder)
    (folder / "main.tf").write_text('output "one" { value = 1 }\n')
    said = f'bucket = "the-state"\nkms_key_id = "{key}"\nregion = "us-east-1"\nuse_path_style = true\n'
    (folder / "state.s3.tfbackend").write_text(said + "skip_credentials_validation = true\nskip_requesting_account_id = true\n")
    terraform.run("state-only", "init", "-backend-config=state.s3.tfbackend", "-no-color", **account)
    terraform.run("state-only", "apply", "-auto-approve", "-no-color", **account)
    told = store.list_object_versions(Bucket="the-state")
    written = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in told["Versions"]]
    assert {one["Key"].rsplit(".", 1)[1] for one in written} == {"tfstate", "tflock"}
    for one in written:
        found = store.head_object(Bucket="the-state", **one)
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key), one["Key"]
    for one in [*written, *({"Key": mark["Key"], "VersionId": mark["VersionId"]} for mark in told["DeleteMarkers"])]:
        store.delete_object(Bucket="the-state", **one)
    store.delete_bucket(Bucket="the-state")
