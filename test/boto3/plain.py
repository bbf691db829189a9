"""Plain HTTP by urllib, for what an SDK would never send."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import harness
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The error's name, which header and body must agree on."""
        code = self.headers["x-amzn-errortype"]
        assert self.json["__type"] == code
        return code


def call(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return _answer(response.status, response)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error)


def _answer(status: int, response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status, headers, response.read())


def signed(
    method: str, url: str, body: bytes | None = None, *, service: str = "ivschat"
) -> urllib.request.Request:
    """A request signed by botocore's signer alone: the URL goes out just as it is given."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = AWSRequest(method, url, headers=headers, data=body)
    credentials = Credentials(harness.ACCESS_KEY_ID, harness.SECRET_ACCESS_KEY)
    SigV4Auth(credentials, service, harness.REGION).add_auth(request)
    return urllib.request.Request(url, body, dict(request.headers.items()), method=method)


def call_presigned(url: str, method: str, body: bytes | None = None) -> Answer:
    """Calls a presigned URL: nothing in the body unless a test wants something there.

    botocore signs the content type of the operations that are POSTs, so whoever
    calls such a URL has to send that header.
    """
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    headers = {}
    if "content-type" in query["X-Amz-SignedHeaders"][0].split(";"):
        headers["Content-Type"] = "application/json"
    return call(urllib.request.Request(url, data=body, headers=headers, method=method))
