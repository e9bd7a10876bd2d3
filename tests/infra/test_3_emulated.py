"""envs/dev, applied to moto, used by our own code, and destroyed. In this order; `make infra-test` stops at the first failure."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import boto3
import psycopg2
import pytest
from infra.terraform import Terraform

from lakehouse import machine
from lakehouse.engines import catalog
from lakehouse.errors import StorageError
from lakehouse.settings import ROOT, Settings
from lakehouse.store import storage
from lakehouse.tables import ledger

DEV = "envs/dev"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
IMAGES = {"comporta": "0.1.0", "aws-cli": "2.27.0"}  # repository to tag
DSN = "postgresql://comporta:secret@db.example.com:5432/shop?sslmode=verify-full"
# AWS knows no resource for these (Service Authorization Reference).
UNAVOIDABLE = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    *(
        f"logs:{call}"
        for call in (
            "CreateLogDelivery",
            "DeleteLogDelivery",
            "DescribeLogGroups",
            "DescribeResourcePolicies",
            "GetLogDelivery",
            "ListLogDeliveries",
            "PutResourcePolicy",
            "UpdateLogDelivery",
        )
    ),
}
# For the emulator only: no account, buckets by path, and a fault is told at once instead of after 25 tries.
OVERRIDE = """
provider "aws" {{
  max_retries                 = 2
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  {alias}
}}
"""


@pytest.fixture(scope="module")
def first(terraform: Terraform, account: dict[str, str]) -> dict[str, Any]:
    """What the first apply made, when no image is there, as Terraform shows it."""
    folder = terraform.folder / DEV
    (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    (folder / "emulator_override.tf").write_text(OVERRIDE.format(alias="") + OVERRIDE.format(alias='alias = "global"'))
    terraform.run(DEV, "init", "-reconfigure", "-no-color", **account)
    return apply(terraform, account)


@pytest.fixture(scope="module")
def state(terraform: Terraform, account: dict[str, str], first: dict[str, Any]) -> dict[str, Any]:
    """What was made once the images were pushed, as docs/aws.md says, as Terraform shows it."""
    registry = boto3.client("ecr", endpoint_url=account["AWS_ENDPOINT_URL"])
    for repository, tag in IMAGES.items():
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": f"sha256:{repository}", "size": 1}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []})
        digest = f"sha256:{sha256(manifest.encode()).hexdigest()}"
        registry.put_image(repositoryName=f"comporta-dev/{repository}", imageManifest=manifest, imageTag=tag, imageDigest=digest)
    account["TF_VAR_image_tag"] = IMAGES["comporta"]
    account["TF_VAR_trusted"] = "{}"
    return apply(terraform, account, "-refresh=false")  # what the emulator remembers otherwise is not to be mended


def apply(terraform: Terraform, account: dict[str, str], *more: str) -> dict[str, Any]:
    """Apply `dev`; its state, as Terraform shows it."""
    started = time.monotonic()
    told = terraform.run(DEV, "apply", "-auto-approve", "-no-color", "-parallelism=20", *more, seconds=900, **account)
    print(re.findall(r"Apply complete.*", told), f"{time.monotonic() - started:.0f} s")
    return dict(json.loads(terraform.run(DEV, "show", "-json", **account)))


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All managed resources in and below a module."""
    yield from (found for found in module.get("resources", []) if found["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from resources(child)


@pytest.fixture(scope="module")
def made(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Every resource that was made."""
    return list(resources(state["values"]["root_module"]))


@pytest.fixture(scope="module")
def outputs(state: dict[str, Any]) -> dict[str, Any]:
    """What docs/aws.md asks for."""
    return dict(state["values"]["outputs"]["lakehouse"]["value"])


def test_the_first_apply_starts_nothing_that_has_no_image(first: dict[str, Any]) -> None:
    types = [found["type"] for found in resources(first["values"]["root_module"])]
    assert len(types) > 140 and types.count("aws_ecr_repository") == 2, "all is made, so that images can be pushed"
    assert types.count("aws_ecs_service") == 0, "ECS would try three times to fetch what is not there, and then never again"


def test_a_tag_that_was_never_pushed_is_refused(terraform: Terraform, account: dict[str, str], first: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=r"(?s)couldn't find resource.*data.aws_ecr_image.this\[\"comporta\"\]"):
        terraform.run(DEV, "plan", "-refresh=false", "-no-color", **account, TF_VAR_image_tag="9.9.9")


def test_apply(made: list[dict[str, Any]]) -> None:
    assert len(made) > 140


def test_the_server_comes_with_its_image(made: list[dict[str, Any]], account: dict[str, str]) -> None:
    [service] = [found["values"] for found in made if found["type"] == "aws_ecs_service"]
    assert service["desired_count"] == 1
    registry = boto3.client("ecr", endpoint_url=account["AWS_ENDPOINT_URL"])
    pushed = {
        repository: registry.describe_images(repositoryName=f"comporta-dev/{repository}", imageIds=[{"imageTag": tag}])
        for repository, tag in IMAGES.items()
    }
    digests = {repository: told["imageDetails"][0]["imageDigest"] for repository, told in pushed.items()}
    images = {container(found)["image"] for found in made if found["type"] == "aws_ecs_task_definition"}
    assert len(set(digests.values())) == 2
    assert {image.split("@", 1)[1] for image in images} == set(digests.values()), "each runs by its digest, none by its tag"


def test_zones_are_those_of_the_region(outputs: dict[str, Any], account: dict[str, str]) -> None:
    cloud = boto3.client("ec2", endpoint_url=account["AWS_ENDPOINT_URL"])
    there = [zone["ZoneName"] for zone in cloud.describe_availability_zones()["AvailabilityZones"]]
    assert len(outputs["availability_zones"]) == 2 and set(outputs["availability_zones"]) <= set(there)


def test_endpoints_have_policies(made: list[dict[str, Any]]) -> None:
    endpoints = [found["values"] for found in made if found["type"] == "aws_vpc_endpoint"]
    assert len(endpoints) == 13
    for endpoint in endpoints:
        whose = [part.get("Condition", {}).get("StringEquals", {}) for part in json.loads(endpoint["policy"])["Statement"]]
        assert {"aws:PrincipalAccount", "aws:ResourceAccount"} == set(whose[0]), endpoint["service_name"]


def test_no_policy_has_a_wildcard(made: list[dict[str, Any]]) -> None:
    policies = [found for found in made if found["type"] in {"aws_iam_role_policy", "aws_iam_policy"}]
    assert len(policies) > 16
    for found in policies:
        for statement in json.loads(found["values"]["policy"])["Statement"]:
            actions, named = _list(statement["Action"]), _list(statement["Resource"])
            assert [action for action in actions if "*" in action] == [], found["address"]
            assert "*" not in named or set(actions) <= UNAVOIDABLE, found["address"]
            if "cloudwatch:PutMetricData" in actions:
                assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Comporta"}}, found["address"]


def test_no_secret_is_in_the_state(terraform: Terraform, made: list[dict[str, Any]]) -> None:
    assert [found["address"] for found in made if found["type"] == "aws_secretsmanager_secret_version"] == []
    assert [found["address"] for found in made if found["values"].get("password")] == []
    assert "BEGIN " not in (terraform.folder / DEV / "terraform.tfstate").read_text()


def test_glue_has_its_job_where_it_was_asked_for(
    terraform: Terraform, first: dict[str, Any], account: dict[str, str], outputs: dict[str, Any]
) -> None:
    assert "aws_glue_job" not in {found["type"] for found in resources(first["values"]["root_module"])}
    glue, store = (boto3.client(name, endpoint_url=account["AWS_ENDPOINT_URL"]) for name in ("glue", "s3"))
    job = glue.get_job(JobName=outputs["trusted"]["job_name"])["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    assert store.get_object(Bucket=bucket, Key=key)["Body"].read() == (terraform.folder.parent / "jobs" / "trusted.py").read_bytes()
    assert (job["SecurityConfiguration"], job["Role"]) == (job["Name"], outputs["trusted"]["role_arn"])


def test_our_code_finds_the_lake(account: dict[str, str], outputs: dict[str, Any], made: list[dict[str, Any]]) -> None:
    [gate] = [
        container(found) for found in made if found["type"] == "aws_ecs_task_definition" and container(found)["name"] == "gate"
    ]
    said = {each["name"]: each["value"] for each in gate["environment"]}
    places = {f"{name}_url": said[f"{name.upper()}_URL"] for name in ("lake", "silver", "gold")}
    settings = Settings(**places, aws_endpoint_url=account["AWS_ENDPOINT_URL"])
    machine.check(settings)
    buckets = outputs["bucket_names"]
    assert [place.split("/")[2] for place in settings.places] == [buckets["bronze"], buckets["silver"], buckets["gold"]]
    with pytest.raises(StorageError, match="does not exist"):
        machine.check(settings.model_copy(update={"lake_url": "s3://not-there/lake"}))


def test_our_code_removes_what_upkeep_removes(account: dict[str, str], outputs: dict[str, Any]) -> None:
    settings = Settings(lake_url=outputs["lake_url"], aws_endpoint_url=account["AWS_ENDPOINT_URL"])
    bucket, key = outputs["bucket_names"]["bronze"], "lake/bronze/shop__orders/part-0.parquet"
    client = boto3.client("s3", endpoint_url=account["AWS_ENDPOINT_URL"])
    client.put_object(Bucket=bucket, Key=key, Body=b"rows")
    storage.remove(settings, [f"s3://{bucket}/{key}"])
    assert client.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 0
    assert len(client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]) == 1, "the bucket remembers what was removed"


def test_our_ledger_is_written_there(account: dict[str, str], outputs: dict[str, Any]) -> None:
    from lakehouse.tables import ledger

    settings = Settings(lake_url=outputs["lake_url"], aws_endpoint_url=account["AWS_ENDPOINT_URL"])
    ledger.create_missing(settings)
    bucket = outputs["bucket_names"]["bronze"]
    found = boto3.client("s3", endpoint_url=account["AWS_ENDPOINT_URL"]).list_objects_v2(Bucket=bucket, Prefix="lake/ops/")
    assert {entry["Key"].split("/")[2] for entry in found["Contents"]} == set(ledger.SCHEMAS)


def test_the_source_is_told_by_its_secret(account: dict[str, str], outputs: dict[str, Any], made: list[dict[str, Any]]) -> None:
    """Whoever made the role puts the DSN there; ECS hands it to the ingestion container as SOURCE_DSN, and to no other."""
    client = boto3.client("secretsmanager", endpoint_url=account["AWS_ENDPOINT_URL"])
    arn = outputs["ingestion_secret_arn"]
    client.put_secret_value(SecretId=arn, SecretString=DSN)
    containers = [container(found) for found in made if found["type"] == "aws_ecs_task_definition"]
    handed = {one["name"]: {secret["name"]: secret["valueFrom"] for secret in one.get("secrets") or []} for one in containers}
    assert handed.pop("ingest") == {"SOURCE_DSN": arn}
    assert {name for name, secrets in handed.items() if secrets} == set()
    dsn = client.get_secret_value(SecretId=arn)["SecretString"]
    assert Settings(source_dsn=dsn).source() == "shop"


def container(definition: dict[str, Any]) -> dict[str, Any]:
    """The one container of a task definition."""
    return dict(json.loads(definition["values"]["container_definitions"])[0])


def test_containers_get_settings_that_we_know(made: list[dict[str, Any]]) -> None:
    known = {name.upper() for name in Settings.model_fields} | {"AWS_REGION"}
    for found in (found for found in made if found["type"] == "aws_ecs_task_definition"):
        told = {entry["name"]: entry["value"] for entry in container(found)["environment"]}
        assert set(told) <= known, found["address"]
        Settings(**{name.lower(): value for name, value in told.items() if name != "AWS_REGION"})


def test_the_pipeline_is_well_formed(outputs: dict[str, Any]) -> None:
    definition = json.loads(outputs["definition"])
    states = definition["States"]
    reached, waiting = set(), [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        state = states[name]
        branches = [*state.get("Catch", []), *state.get("Choices", [])]
        ways = [way for way in (state.get("Next"), state.get("Default"), *(branch["Next"] for branch in branches)) if way]
        waiting += ways
        assert bool(ways) != (state["Type"] in {"Succeed", "Fail"}), f"{name} goes on, or ends"
    assert reached == set(states), "every state is reached"
    for name, state in states.items():
        assert state["Type"] != "Task" or (state["Retry"] and state["Catch"]), name


def steps(outputs: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """State and command of each job, in the order of a run without failure."""
    states = json.loads(outputs["definition"])["States"]
    name, found = "Ingest", []
    while states[name].get("Resource", "").endswith("ecs:runTask.sync"):
        (override,) = states[name]["Parameters"]["Overrides"]["ContainerOverrides"]
        found.append((name, override["Command"]))
        name = states[name]["Next"]
    assert name == "Note success" and states[states[name]["Next"]]["Type"] == "Succeed"
    return found


def test_the_pipeline_runs_our_commands_in_order(outputs: dict[str, Any]) -> None:
    ours = [command[5:] for _, command in steps(outputs) if command[:5] == ["python", "-W", "ignore", "-m", "comporta"]]
    assert ours == [
        ["ingest"],
        ["gate", "--layer", "bronze", "--hold-back"],
        ["release", "--layer", "bronze"],
        ["dbt", "--layer", "silver"],
        ["gate", "--layer", "silver", "--hold-back"],
        ["release", "--layer", "silver"],
        ["dbt", "--layer", "gold"],
        ["gate", "--layer", "gold", "--hold-back"],
        ["release", "--layer", "gold"],
        ["site"],
    ]
    name, last = steps(outputs)[-1]
    assert (name, last[:2]) == ("Publish", ["s3", "sync"])
    assert last[2].endswith("/site") and last[3] == f"s3://{outputs['bucket_names']['docs']}"


def test_each_command_is_one_of_ours(outputs: dict[str, Any]) -> None:
    """`--help` after the whole command: click reads the whole line first, so a misspelt command or option is refused."""
    for name, command in steps(outputs):
        if command[0] == "python":
            done = subprocess.run([sys.executable, *command[1:], "--help"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0 and "Usage:" in done.stdout, f"{name}: {done.stderr}"


def test_the_states_commands_bring_rows_to_readers(
    outputs: dict[str, Any], spark_server: Settings, environment: dict[str, str], new_database: Callable[[], str]
) -> None:
    """Each state's command, in the order of the definition, on a real Spark server and PostgreSQL; the lake is a folder here."""
    dsn = new_database()
    ours = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    ours |= {"SOURCE_DSN": dsn, "SOURCE_NAME": "shop", "SCALE": "0.002"}

    def run(command: list[str]) -> int:
        done = subprocess.run(
            [sys.executable, *command[1:]], cwd=ROOT, env=ours, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        print(" ".join(command), done.returncode, done.stdout[-3000:], done.stderr[-2000:])
        return done.returncode

    states = json.loads(outputs["definition"])["States"]
    assert run(["python", "-W", "ignore", "-m", "comporta", "seed"]) == 0
    for name, command in steps(outputs)[:-1]:  # the last is Amazon's own client, which copies the site
        assert run(command) == 0, name
    with psycopg2.connect(dsn) as source, source.cursor() as cursor:
        cursor.execute("select count(*) from orders")
        [(orders,)] = cursor.fetchall()
        ask = "select count(*) from gold.fct_orders"
        assert orders > 100 and catalog.thrift_rows(spark_server, ask) == [(orders,)]
        cursor.execute("update orders set currency = 'eur'")
    source.close()
    released = [row["release_id"] for row in ledger.rows(spark_server, "releases")]
    failed = next(name for name, command in steps(outputs) if run(command) != 0)
    assert failed.startswith("Gate "), failed
    way = []
    while states[failed]["Type"] == "Task":
        failed = states[failed]["Catch"][0]["Next"] if not way else states[failed]["Next"]
        way.append(failed)
    assert way == ["Site of failure", "Publish failure", "Notify", "Failed"]
    [site] = states[way[0]]["Parameters"]["Overrides"]["ContainerOverrides"]
    assert run(site["Command"]) == 0
    assert catalog.thrift_rows(spark_server, "select count(*) from gold.fct_orders where currency = 'eur'") == [(0,)]
    layers = [row["layer"] for row in ledger.rows(spark_server, "releases") if row["release_id"] not in released]
    assert "gold" not in layers


def test_each_override_names_a_container(outputs: dict[str, Any], made: list[dict[str, Any]]) -> None:
    definitions = {found["values"]["arn"]: container(found)["name"] for found in made if found["type"] == "aws_ecs_task_definition"}
    for name, state in json.loads(outputs["definition"])["States"].items():
        if state.get("Resource", "").endswith("ecs:runTask.sync"):
            (override,) = state["Parameters"]["Overrides"]["ContainerOverrides"]
            assert definitions[state["Parameters"]["TaskDefinition"]] == override["Name"], name


def test_destroy(terraform: Terraform, account: dict[str, str], outputs: dict[str, Any]) -> None:
    terraform.run(DEV, "destroy", "-auto-approve", "-no-color", "-parallelism=20", seconds=900, **account)
    assert terraform.run(DEV, "state", "list", **account).strip() == ""
    left = boto3.client("s3", endpoint_url=account["AWS_ENDPOINT_URL"]).list_buckets()["Buckets"]
    assert left == [], "objects go with their buckets in dev"


def _list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
