"""Requests whose signature is not right, each refused by its own name (security.md §3)."""

from __future__ import annotations

import datetime
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import botocore.auth
import harness
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from plain import call, signed

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
INVALID_TOKEN = "The security token included in the request is invalid."


def refused(client: IvschatClient) -> harness.Refusal:
    """What the client is told, which must come at once: boto3 cannot mend a signature."""
    sent = harness.Sent(client)
    with pytest.raises(ClientError) as error:
        client.create_room(name="never")
    assert sent.count == 1
    return harness.refusal(error.value)


@pytest.fixture(autouse=True)
def _nothing_was_done(server: harness.Server) -> Any:
    yield
    assert server.client().list_rooms(name="never")["rooms"] == []


def test_a_wrong_secret(server: harness.Server) -> None:
    refusal = refused(server.client(secret="wrong"))
    assert (refusal.status, refusal.code) == (403, "InvalidSignatureException")
    assert refusal.message == MISMATCH


def test_an_unknown_key(server: harness.Server) -> None:
    refusal = refused(server.client(key="PARLEYNOSUCHKEY00001"))
    assert (refusal.status, refusal.code) == (403, "UnrecognizedClientException")
    assert refusal.message == INVALID_TOKEN


def test_a_session_token_nobody_issued(server: harness.Server) -> None:
    refusal = refused(server.client(session_token="bm9ib2R5"))
    assert (refusal.status, refusal.code) == (403, "UnrecognizedClientException")
    assert refusal.message == INVALID_TOKEN


def test_no_signature(server: harness.Server) -> None:
    refusal = refused(server.client(config=Config(signature_version=UNSIGNED)))
    assert (refusal.status, refusal.code) == (403, "MissingAuthenticationTokenException")
    assert refusal.message == "Missing Authentication Token"


def set_clock(patch: pytest.MonkeyPatch, off: datetime.timedelta) -> None:
    def now(remove_tzinfo: bool = True) -> datetime.datetime:
        time = datetime.datetime.now(datetime.UTC) + off
        return time.replace(tzinfo=None) if remove_tzinfo else time

    patch.setattr(botocore.auth, "get_current_datetime", now)


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (-6, r"Signature expired: (\S+) is now earlier than (\S+) \((\S+) - 5 min\.\)"),
        (6, r"Signature not yet current: (\S+) is still later than (\S+) \((\S+) \+ 5 min\.\)"),
    ],
)
def test_a_skewed_clock(
    server: harness.Server, monkeypatch: pytest.MonkeyPatch, minutes: int, message: str
) -> None:
    client = server.client()
    with monkeypatch.context() as patch:
        set_clock(patch, datetime.timedelta(minutes=minutes))
        refusal = refused(client)
    assert (refusal.status, refusal.code) == (403, "InvalidSignatureException")
    match = re.fullmatch(message, refusal.message)
    assert match, refusal.message
    signed, edge, now = (
        datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ") for time in match.groups()
    )
    assert abs(signed - now - datetime.timedelta(minutes=minutes)) < datetime.timedelta(seconds=30)
    assert abs(now - edge) == datetime.timedelta(minutes=5)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_within_five_minutes(
    server: harness.Server, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    client = server.client()
    with monkeypatch.context() as patch:
        set_clock(patch, datetime.timedelta(minutes=minutes))
        assert client.list_rooms()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_body_changed_on_the_way(server: harness.Server) -> None:
    client = server.client()

    def change(request: Any, **_: Any) -> None:
        assert b"never" in request.body
        request.body = request.body.replace(b"never", b"NEVER")

    client.meta.events.register("before-send.ivschat", change)
    refusal = refused(client)
    assert (refusal.status, refusal.code) == (403, "InvalidSignatureException")
    assert refusal.message == MISMATCH


def create_room(server: harness.Server, service: str = "ivschat") -> urllib.request.Request:
    return signed("POST", f"{server.endpoint}/CreateRoom", b'{"name":"never"}', service=service)


def test_a_signature_for_another_service(server: harness.Server) -> None:
    answer = call(create_room(server, service="execute-api"))
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert answer.json["message"] == "Credential should be scoped to correct service: 'ivschat'."


def test_an_algorithm_that_is_not_ours(server: harness.Server) -> None:
    request = create_room(server)
    authorization = request.headers["Authorization"]
    request.add_header(
        "Authorization", authorization.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")
    )
    answer = call(request)
    assert (answer.status, answer.error) == (403, "IncompleteSignatureException")


def test_an_authorization_without_a_signature(server: harness.Server) -> None:
    request = create_room(server)
    authorization = request.headers["Authorization"]
    request.add_header("Authorization", authorization.rpartition(", Signature=")[0])
    answer = call(request)
    assert (answer.status, answer.error) == (403, "IncompleteSignatureException")


def test_refusals_and_logs_never_show_the_secret(server: harness.Server) -> None:
    for client in (server.client(secret="wrong"), server.client(key="PARLEYNOSUCHKEY00001")):
        assert harness.SECRET_ACCESS_KEY not in refused(client).message
    assert harness.SECRET_ACCESS_KEY not in server.log_text()
