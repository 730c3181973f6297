"""A security token service that checks the tokens of jobs as AWS does, and an S3, both by moto.

moto takes every token. So this service stands before it: it reads the issuer's keys, and checks signature, key id,
issuer, audience, subject and times, before moto gives credentials. It knows roles by ARN; what a role trusts is set by
the test.

    python -m harness.sts PORT FILE

runs it. FILE holds its settings as JSON, which are read again for every request: `issuer` (where keys are read), `roles`
(ARN to `{"aud": …, "sub": [patterns]}`). Each exchange is appended to FILE's .log as a line of JSON.
"""

from __future__ import annotations

import fnmatch
import json
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Iterable
from urllib.parse import parse_qs

import boto3
import jwt
import requests
from botocore.config import Config

from harness.program import ManagedProcess
from harness.waiting import wait_until

ACCOUNT = "111122223333"
PLAN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/vintner-plan"
APPLY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/vintner-apply"
AUDIENCE = "aws.workload.identity"


class TokenRefused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(token: str, role: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The claims of a token that `role` trusts. Raises `TokenRefused` with AWS' code and sentence."""
    issuer = settings["issuer"]
    try:
        header = jwt.get_unverified_header(token)
        discovery = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
        keys = requests.get(discovery["jwks_uri"], timeout=10).json()["keys"]
    except jwt.PyJWTError as error:
        raise TokenRefused("InvalidIdentityToken", f"The ID Token provided is not a valid JWT: {error}") from None
    except (requests.RequestException, ValueError, KeyError):
        raise TokenRefused(
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
            "documentation for requirements") from None
    key = next((key for key in keys if key["kid"] == header.get("kid")), None)
    if header.get("alg") != "RS256" or key is None:
        raise TokenRefused("InvalidIdentityToken", "No matching key was found for the key id of the token")
    trust = settings["roles"].get(role)
    if trust is None:
        raise TokenRefused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    try:
        claims: dict[str, Any] = jwt.decode(
            token, jwt.PyJWK(key).key, algorithms=["RS256"], audience=trust["aud"], issuer=discovery["issuer"],
            options={"require": ["exp", "iat", "nbf", "sub", "aud", "iss", "jti"]})
    except jwt.ExpiredSignatureError:
        raise TokenRefused("ExpiredTokenException", "Token expired: current date/time must be before the expiration") from None
    except jwt.InvalidAudienceError:
        raise TokenRefused("InvalidIdentityToken", "Incorrect token audience") from None
    except jwt.PyJWTError as error:
        raise TokenRefused("InvalidIdentityToken", f"The token can't be verified: {error}") from None
    if not any(fnmatch.fnmatchcase(claims["sub"], pattern) for pattern in trust["sub"]):
        raise TokenRefused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    return claims


def serve(port: int, file: Path) -> None:
    # Only where it runs: importing moto takes seconds.
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto = DomainDispatcherApplication(create_backend_app)
    log = file.with_suffix(".log")

    def refuse(start: Callable[..., Any], error: TokenRefused) -> Iterable[bytes]:
        body = (f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
                f"<Code>{error.code}</Code><Message>{error}</Message></Error></ErrorResponse>").encode()
        start("403 Forbidden" if error.code == "AccessDenied" else "400 Bad Request",
              [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        kind = environ.get("CONTENT_TYPE", "")
        if environ["REQUEST_METHOD"] == "POST" and kind.startswith("application/x-www-form-urlencoded"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            if fields.get("Action") == "AssumeRoleWithWebIdentity":
                settings = json.loads(file.read_text())
                entry = {"at": time.time(), "role": fields["RoleArn"], "agent": environ.get("HTTP_USER_AGENT", ""),
                         "token": fields["WebIdentityToken"]}
                try:
                    entry["claims"] = check(fields["WebIdentityToken"], fields["RoleArn"], settings)
                    return pass_on(environ, start, body)
                except TokenRefused as error:
                    entry["refused"] = f"{error.code}: {error}"
                    return refuse(start, error)
                finally:
                    with log.open("a") as lines:
                        lines.write(json.dumps(entry) + "\n")
            return pass_on(environ, start, body)
        return moto(environ, start)

    def pass_on(environ: dict[str, Any], start: Callable[..., Any], body: bytes) -> Iterable[bytes]:
        import io

        # moto tells the services apart by the host's name.
        return moto({**environ, "wsgi.input": io.BytesIO(body), "HTTP_HOST": "sts.amazonaws.com"}, start)

    make_server("127.0.0.1", port, application, threaded=True).serve_forever()


class SecurityTokenService:
    """The service on a free port, for a test. `trust(…)` says which tokens a role takes."""

    def __init__(self, folder: Path, issuer: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = folder / "sts.json"
        self.settings: dict[str, Any] = {"issuer": issuer, "roles": {}}
        self._write()
        self.process = ManagedProcess(
            [sys.executable, "-m", "harness.sts", str(self.port), str(self.file)], folder / "moto.log",
            {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)})

    def read_keys_from(self, issuer: str) -> None:
        self.settings["issuer"] = issuer
        self._write()

    def trust(self, role: str, *subjects: str, audience: str = AUDIENCE) -> None:
        """`subjects` may have stars, as in IAM's StringLike."""
        self.settings["roles"][role] = {"aud": audience, "sub": list(subjects)}
        self._write()

    def trust_policy(self, role: str, policy: str) -> None:
        """Takes a trust policy as it would be pasted into IAM."""
        statement = json.loads(policy)["Statement"][0]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity" and statement["Effect"] == "Allow"
        conditions = {name: value for part in statement["Condition"].values() for name, value in part.items()}
        name = statement["Principal"]["Federated"].split(":oidc-provider/", 1)[1]
        self.trust(role, *conditions[f"{name}:sub"], audience=conditions[f"{name}:aud"])

    @property
    def operators(self) -> dict[str, str]:
        """The environment of a Tendril that exchanges tokens here."""
        return {"AWS_ENDPOINT_URL_STS": self.url}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a vine that has its files here."""
        return {"AWS_ENDPOINT_URL_S3": self.url}

    def exchanges(self) -> list[dict[str, Any]]:
        """What was asked, in order: `role`, `agent`, `token`, and `claims` or `refused`."""
        log = self.file.with_suffix(".log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def put(self, bucket: str, key: str, body: str) -> None:
        """Stores an object, as somebody with keys."""
        client = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}))
        client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key=key, Body=body.encode())

    def start(self) -> None:
        self.process.start()
        wait_until(self._is_ready, lambda: self.process.log.read_text(errors="replace"), 60)

    def stop(self) -> None:
        if self.process.is_running:
            self.process.stop()

    def _is_ready(self) -> bool:
        assert self.process.is_running, self.process.log.read_text(errors="replace")
        try:
            return requests.get(f"{self.url}/moto-api/data.json", timeout=5).ok
        except requests.RequestException:
            return False

    def _write(self) -> None:
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(self.settings))
        draft.replace(self.file)

    def __enter__(self) -> SecurityTokenService:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
