"""moto as a server on loopback, with answers of our own where moto has none. Run by the Python of .venv-infra: `emulator.py PORT`.

It proves that the provider can make each resource, take it up again and remove it. It does not prove what AWS would say.
"""

import io
import json
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.s3.models import FakeDeleteMarker
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


# The newest image of a machine, under the name by which Amazon publishes it; moto knows this one.
_AMI = {"Parameter": {"Name": "ami", "Type": "String", "Value": "ami-04681a1dbd79675a5", "Version": 1}}
_JSON = "application/x-amz-json-1.1"


class Shim:
    """Answers what moto can't, passes on the rest."""

    def __init__(self, moto: App) -> None:
        self.moto = moto
        self.policies: dict[str, bytes] = {}
        self.selections: dict[str, Any] = {}
        self.headers: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        service = _service(request)
        answer = self._target(request)
        if service == "s3":
            answer = self._bucket_policy(request, environ)
        elif service == "backup":
            answer = self._backup(request)
        elif service == "cloudfront":
            answer = self._response_headers(request)
        elif service == "ec2":
            answer = _monitoring(request, environ)
        elif service == "ecs":
            _without_compatibility(request, environ)
            answer = _without_network(Response.from_app(self.moto, environ))
        return answer(environ, start_response) if answer else self.moto(environ, start_response)

    def _target(self, request: Request) -> Response | None:
        answers = {
            # moto parses definitions only when they run.
            "AWSStepFunctions.ValidateStateMachineDefinition": {"result": "OK", "diagnostics": []},
            "AWSStepFunctions.ListStateMachineVersions": {"stateMachineVersions": []},
            "AWSBudgetServiceGateway.ListTagsForResource": {"ResourceTags": []},
            "AWSBudgetServiceGateway.TagResource": {},
            "AWSBudgetServiceGateway.UpdateBudget": {},
            "AWSBudgetServiceGateway.DescribeSubscribersForNotification": {"Subscribers": []},
        }
        target = request.headers.get("X-Amz-Target", "")
        if target == "AmazonSSM.GetParameter" and b"/aws/service/ecs/" in request.get_data():
            return Response(json.dumps(_AMI), content_type=_JSON)
        return Response(json.dumps(answers[target]), content_type=_JSON) if target in answers else None

    def _bucket_policy(self, request: Request, environ: dict[str, Any]) -> Response | None:
        """moto knows no conditions: "deny what does not come over TLS" would deny everything, to everybody.

        It is told of one statement only, which it asks for before access logs are turned on.
        """
        if "policy" not in parse_qs(request.query_string.decode(), keep_blank_values=True):
            return None
        bucket = request.path
        if request.method == "PUT":
            self.policies[bucket] = request.get_data()
            policy = json.loads(request.get_data())
            policy["Statement"] = [part for part in policy["Statement"] if part.get("Sid") == "LogsArrive"]
            _replace_body(environ, policy)
            return None if policy["Statement"] else Response(status=204)
        if request.method == "DELETE":
            self.policies.pop(bucket, None)
            return Response(status=204)
        if bucket in self.policies:
            return Response(self.policies[bucket], content_type="application/json")
        missing = "<Error><Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message></Error>"
        return Response(missing, status=404, content_type="application/xml")

    def _backup(self, request: Request) -> Response | None:
        """Plans are moto's; what a plan selects, and the copies in a vault (none), are not."""
        if re.search(r"/recovery-points/?$", request.path):
            return _json({"RecoveryPoints": []})
        found = re.search(r"/plans/([^/]+)/selections/?([^/]*)$", request.path)
        if not found:
            return None
        plan, name = found.groups()
        if request.method == "PUT":
            name = str(uuid.uuid4())
            self.selections[name] = json.loads(request.get_data())["BackupSelection"]
        elif request.method == "DELETE":
            self.selections.pop(name, None)
        elif name not in self.selections:
            return _json({"message": "no such selection"}, 404, "ResourceNotFoundException")
        told = {"BackupPlanId": plan, "SelectionId": name, "BackupSelection": self.selections.get(name), "CreationDate": 0}
        return _json(told)

    def _response_headers(self, request: Request) -> Response | None:
        """What CloudFront adds to its answers: moto does not know such policies."""
        found = re.search(r"/response-headers-policy/?([^/]*)$", request.path)
        if not found:
            return None
        name = found[1]
        if request.method == "DELETE":
            self.headers.pop(name, None)
            return Response(status=204)
        if request.method in ("POST", "PUT"):
            name = name or str(uuid.uuid4())
            self.headers[name] = re.sub(r"<\?xml.*?\?>", "", request.get_data().decode())
        if name not in self.headers:
            missing = (
                "<ErrorResponse><Error><Code>NoSuchResponseHeadersPolicy</Code><Message>none</Message></Error></ErrorResponse>"
            )
            return Response(missing, status=404, content_type="text/xml")
        told = f"<Id>{name}</Id><LastModifiedTime>2026-01-01T00:00:00Z</LastModifiedTime>{self.headers[name]}"
        status = 201 if request.method == "POST" else 200
        answer = f"<ResponseHeadersPolicy>{told}</ResponseHeadersPolicy>"
        return Response(answer, status=status, headers={"ETag": "E1"}, content_type="text/xml")


def _monitoring(request: Request, environ: dict[str, Any]) -> Response | None:
    """Detailed monitoring of a machine can be asked for when it is made; moto has no call to turn it on."""
    body = request.get_data()
    found = re.search(rb"Action=((?:Unm|M)onitorInstances)", body)
    if found:
        name = found.group(1).decode()
        return Response(f"<{name}Response><requestId>1</requestId><instancesSet/></{name}Response>", content_type="text/xml")
    _replace_body(environ, body)
    return None


def _without_compatibility(request: Request, environ: dict[str, Any]) -> None:
    """moto wants `memory` of EC2's containers, where AWS is content with `memoryReservation`."""
    if request.headers.get("X-Amz-Target", "").endswith(".RegisterTaskDefinition"):
        _replace_body(
            environ, {key: value for key, value in request.get_json(force=True).items() if key != "requiresCompatibilities"}
        )
    else:
        _replace_body(environ, request.get_data())


def _without_network(answer: Response) -> Response:
    """Of a service on its host's network AWS says nothing of one; moto says an empty one, at which the provider breaks down."""
    told = answer.get_json(force=True, silent=True)
    if isinstance(told, dict):
        for service in [*told.get("services", []), *([told["service"]] if "service" in told else [])]:
            if not service.get("networkConfiguration"):
                service.pop("networkConfiguration", None)
        answer.set_data(json.dumps(told))
    return answer


def _replace_body(environ: dict[str, Any], body: Any) -> None:
    """What was read of a request can't be read again by moto."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(raw), str(len(raw))


def _service(request: Request) -> str:
    """The service that a request was signed for."""
    found = re.search(r"Credential=[^,]*/([a-z0-9-]+)/aws4_request", request.headers.get("Authorization", ""))
    return found.group(1) if found else ""


def _json(answer: Any, status: int = 200, error: str | None = None) -> Response:
    headers = {"x-amzn-ErrorType": error} if error else {}
    return Response(json.dumps(answer), status=status, headers=headers, content_type="application/json")


# moto frees what a removed version held, and forgets that a mark of removal holds nothing.
FakeDeleteMarker.dispose = lambda self, garbage=False: None

if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), Shim(DomainDispatcherApplication(create_backend_app)), threaded=True)
