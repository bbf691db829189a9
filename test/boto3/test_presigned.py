"""Presigned URLs: made by boto3 for every operation, then called by plain HTTP.

botocore moves the whole input into the query: scalars as text, lists as repeated
members, and maps and structures as Python prints them. The body stays empty.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import botocore.auth
import harness
import pytest
from plain import Answer, call, call_presigned

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

HANDLER = f"arn:aws:lambda:{harness.REGION}:{harness.ACCOUNT}:function:review"
ID = re.compile(r"[a-zA-Z0-9]{12}")
HTTP_METHODS = {"list_tags_for_resource": "GET", "untag_resource": "DELETE"}
# Text that Python prints with either quote, both, and every kind of escape.
HARD = "it's \"both\" \\ \n\t\x00\x7f\x85\u200b\ue000\U000e0001 é 配 👩‍🚀 {}[]:, None"


@dataclasses.dataclass
class Made:
    """What the operations below work on."""

    client: IvschatClient
    room: str
    logs: str

    def presign(self, method: str, params: dict[str, Any], expires: int = 3600) -> str:
        return self.client.generate_presigned_url(method, Params=params, ExpiresIn=expires)

    def call(self, method: str, **params: Any) -> Answer:
        return call_presigned(self.presign(method, params), HTTP_METHODS.get(method, "POST"))


@pytest.fixture
def made(
    client: IvschatClient,
    room: CreateRoomResponseTypeDef,
    logging_configuration: harness.MakeLoggingConfiguration,
) -> Made:
    return Made(client, room["arn"], logging_configuration("presigned")["arn"])


def create_room(made: Made) -> None:
    answer = made.call(
        "create_room",
        name="presigned",
        maximumMessageRatePerSecond=99,
        maximumMessageLength=77,
        messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"},
        tags={"größe": "très grand", "a b": "x+y=1@z", "empty": ""},
        loggingConfigurationIdentifiers=[made.logs],
    )
    assert answer.status == 200
    got = made.client.get_room(identifier=answer.json["arn"])
    assert got["name"] == "presigned"
    assert got["maximumMessageRatePerSecond"] == 99
    assert got["maximumMessageLength"] == 77
    assert got["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "DENY"}
    assert got["tags"] == {"größe": "très grand", "a b": "x+y=1@z", "empty": ""}
    assert got["loggingConfigurationIdentifiers"] == [made.logs]


def get_room(made: Made) -> None:
    answer = made.call("get_room", identifier=made.room)
    assert (answer.status, answer.json["arn"]) == (200, made.room)


def update_room(made: Made) -> None:
    made.client.update_room(
        identifier=made.room, name="old", messageReviewHandler={"uri": HANDLER}
    )
    answer = made.call(
        "update_room",
        identifier=made.room,
        name="",
        messageReviewHandler={"uri": "", "fallbackResult": "DENY"},
        maximumMessageLength=9,
    )
    assert answer.status == 200
    got = made.client.get_room(identifier=made.room)
    assert (got["name"], got["maximumMessageLength"]) == ("", 9)
    assert got["messageReviewHandler"] == {"uri": "", "fallbackResult": "DENY"}


def delete_room(made: Made) -> None:
    answer = made.call("delete_room", identifier=made.room)
    assert (answer.status, answer.body) == (204, b"")
    with pytest.raises(made.client.exceptions.ResourceNotFoundException):
        made.client.get_room(identifier=made.room)


def list_rooms(made: Made) -> None:
    for _ in range(3):
        made.client.create_room(name="presigned-list")
    answer = made.call("list_rooms", name="presigned-list", maxResults=2)
    assert (answer.status, len(answer.json["rooms"])) == (200, 2)
    rest = made.call("list_rooms", name="presigned-list", nextToken=answer.json["nextToken"])
    assert (rest.status, len(rest.json["rooms"])) == (200, 1)
    assert made.call("list_rooms").status == 200


def create_logging_configuration(made: Made) -> None:
    answer = made.call(
        "create_logging_configuration",
        name="presigned",
        destinationConfiguration={"cloudWatchLogs": {"logGroupName": "/chat/#1"}},
        tags={"a": "b"},
    )
    assert answer.status == 200
    got = made.client.get_logging_configuration(identifier=answer.json["arn"])
    made.client.delete_logging_configuration(identifier=got["arn"])
    assert got["destinationConfiguration"] == {"cloudWatchLogs": {"logGroupName": "/chat/#1"}}
    assert (got["name"], got["tags"]) == ("presigned", {"a": "b"})


def get_logging_configuration(made: Made) -> None:
    answer = made.call("get_logging_configuration", identifier=made.logs)
    assert (answer.status, answer.json["arn"]) == (200, made.logs)


def update_logging_configuration(made: Made) -> None:
    answer = made.call(
        "update_logging_configuration",
        identifier=made.logs,
        destinationConfiguration={"firehose": {"deliveryStreamName": "stream"}},
    )
    assert answer.status == 200
    got = made.client.get_logging_configuration(identifier=made.logs)
    assert got["destinationConfiguration"] == {"firehose": {"deliveryStreamName": "stream"}}
    assert got["name"] == "presigned"


def delete_logging_configuration(made: Made) -> None:
    answer = made.call("delete_logging_configuration", identifier=made.logs)
    assert (answer.status, answer.body) == (204, b"")
    with pytest.raises(made.client.exceptions.ResourceNotFoundException):
        made.client.get_logging_configuration(identifier=made.logs)


def list_logging_configurations(made: Made) -> None:
    answer = made.call("list_logging_configurations", maxResults=50)
    assert answer.status == 200
    assert made.logs in [entry["arn"] for entry in answer.json["loggingConfigurations"]]


def create_chat_token(made: Made) -> None:
    answer = made.call(
        "create_chat_token",
        roomIdentifier=made.room,
        userId="álice & bob=?#%",
        capabilities=["SEND_MESSAGE", "DISCONNECT_USER"],
        sessionDurationInMinutes=5,
        attributes={"displayName": "Álice", HARD: HARD},
    )
    assert answer.status == 200
    assert set(answer.json) == {"token", "tokenExpirationTime", "sessionExpirationTime"}
    ends = datetime.datetime.fromisoformat(answer.json["sessionExpirationTime"])
    left = ends - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=4) < left <= datetime.timedelta(minutes=5)


def send_event(made: Made) -> None:
    answer = made.call(
        "send_event", roomIdentifier=made.room, eventName="app:poll", attributes={"q": HARD}
    )
    assert answer.status == 200
    assert ID.fullmatch(answer.json["id"])


def delete_message(made: Made) -> None:
    answer = made.call("delete_message", roomIdentifier=made.room, id="AYk6xKitV4On", reason="é")
    assert answer.status == 200
    assert ID.fullmatch(answer.json["id"])


def disconnect_user(made: Made) -> None:
    answer = made.call("disconnect_user", roomIdentifier=made.room, userId="bob", reason="rude")
    assert answer.status == 200
    assert answer.body in (b"", b"{}")


def tag_resource(made: Made) -> None:
    answer = made.call("tag_resource", resourceArn=made.room, tags={"größe": "XL", "a b": ""})
    assert (answer.status, answer.json) == (200, {})
    tags = made.client.list_tags_for_resource(resourceArn=made.room)["tags"]
    assert tags == {"größe": "XL", "a b": ""}


def untag_resource(made: Made) -> None:
    """botocore puts only the first of several keys into a presigned URL, so there is one."""
    made.client.tag_resource(resourceArn=made.room, tags={"a b": "1", "kept": "2"})
    answer = made.call("untag_resource", resourceArn=made.room, tagKeys=["a b"])
    assert (answer.status, answer.json) == (200, {})
    assert made.client.list_tags_for_resource(resourceArn=made.room)["tags"] == {"kept": "2"}


def list_tags_for_resource(made: Made) -> None:
    made.client.tag_resource(resourceArn=made.room, tags={"a": "b"})
    answer = made.call("list_tags_for_resource", resourceArn=made.room)
    assert (answer.status, answer.json) == (200, {"tags": {"a": "b"}})


OPERATIONS: dict[str, Callable[[Made], None]] = {
    check.__name__: check
    for check in (
        create_chat_token,
        create_logging_configuration,
        create_room,
        delete_logging_configuration,
        delete_message,
        delete_room,
        disconnect_user,
        get_logging_configuration,
        get_room,
        list_logging_configurations,
        list_rooms,
        list_tags_for_resource,
        send_event,
        tag_resource,
        untag_resource,
        update_logging_configuration,
        update_room,
    )
}


@pytest.mark.parametrize("method", harness.METHODS)
def test_every_operation_by_its_presigned_url(made: Made, method: str) -> None:
    OPERATIONS[method](made)


def test_errors_are_the_same_as_through_boto3(made: Made) -> None:
    answer = made.call("create_room", name="a b", maximumMessageLength=501)
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert [field["name"] for field in answer.json["fieldList"]] == ["name", "maximumMessageLength"]
    answer = made.call("get_room", identifier=harness.room_arn())
    assert (answer.status, answer.error) == (404, "ResourceNotFoundException")
    assert answer.json["resourceId"] == "abcdABCDefgh"


def test_nested_text_is_read_to_the_byte(made: Made) -> None:
    """Attributes are limited by bytes: one too many shows that each escape was undone."""
    hard = len(HARD.encode())
    fits = {"k": HARD + "x" * (1024 - 1 - hard)}
    token = {"roomIdentifier": made.room, "userId": "alice"}
    assert made.call("create_chat_token", **token, attributes=fits).status == 200
    over = {"k": fits["k"] + "x"}
    answer = made.call("create_chat_token", **token, attributes=over)
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert [field["name"] for field in answer.json["fieldList"]] == ["attributes"]


def unchanged(made: Made) -> bool:
    return made.client.get_room(identifier=made.room)["name"] == "fixture"


def rename(made: Made, expires: int = 3600) -> str:
    return made.presign("update_room", {"identifier": made.room, "name": "changed"}, expires)


def made_earlier(patch: pytest.MonkeyPatch, ago: datetime.timedelta) -> None:
    def now(remove_tzinfo: bool = True) -> datetime.datetime:
        time = datetime.datetime.now(datetime.UTC) - ago
        return time.replace(tzinfo=None) if remove_tzinfo else time

    patch.setattr(botocore.auth, "get_current_datetime", now)


def test_an_expired_url(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        made_earlier(patch, datetime.timedelta(minutes=2))
        expired, valid = rename(made, expires=60), rename(made, expires=3600)
    answer = call_presigned(expired, "POST")
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert "expired" in answer.json["message"]
    assert unchanged(made)
    assert call_presigned(valid, "POST").status == 200


def test_a_url_outlives_the_clock_tolerance(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        made_earlier(patch, datetime.timedelta(days=6))
        url = rename(made, expires=7 * 24 * 3600)
    assert call_presigned(url, "POST").status == 200


def test_a_url_from_the_future(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        made_earlier(patch, -datetime.timedelta(minutes=6))
        url = rename(made)
    answer = call_presigned(url, "POST")
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert "not yet current" in answer.json["message"]
    assert unchanged(made)


@pytest.mark.parametrize("expires", [0, 7 * 24 * 3600 + 1])
def test_a_lifetime_that_may_not_be(made: Made, expires: int) -> None:
    answer = call_presigned(rename(made, expires=expires), "POST")
    assert answer.status == 403
    assert unchanged(made)


def replace(url: str, member: str, value: str) -> str:
    parts = urllib.parse.urlsplit(url)
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    assert member in dict(query)
    changed = [(name, value if name == member else old) for name, old in query]
    encoded = urllib.parse.urlencode(changed, quote_via=urllib.parse.quote)
    return parts._replace(query=encoded).geturl()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", "tampered"),
        ("X-Amz-Expires", "3601"),
        ("X-Amz-Signature", "0" * 64),
        ("X-Amz-Date", "20260101T000000Z"),
    ],
)
def test_a_tampered_url(made: Made, member: str, value: str) -> None:
    answer = call_presigned(replace(rename(made), member, value), "POST")
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert unchanged(made)


def test_a_member_added_to_a_url(made: Made) -> None:
    answer = call_presigned(rename(made) + "&maximumMessageLength=1", "POST")
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert unchanged(made)


def test_a_url_made_with_a_wrong_secret(server: harness.Server, made: Made) -> None:
    stranger = Made(server.client(secret="wrong"), made.room, made.logs)
    answer = call_presigned(rename(stranger), "POST")
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert unchanged(made)


def test_a_url_for_another_method_of_the_same_path(made: Made) -> None:
    made.client.tag_resource(resourceArn=made.room, tags={"a": "b"})
    read = made.presign("list_tags_for_resource", {"resourceArn": made.room})
    for method in ("POST", "DELETE"):
        answer = call_presigned(read, method)
        assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert made.client.list_tags_for_resource(resourceArn=made.room)["tags"] == {"a": "b"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_method_the_operation_has_not(made: Made, method: str) -> None:
    answer = call_presigned(rename(made), method)
    assert answer.status in (403, 404)
    assert answer.error in ("InvalidSignatureException", "UnknownOperationException")
    assert unchanged(made)


def test_a_body_that_was_not_signed(made: Made) -> None:
    answer = call_presigned(rename(made), "POST", body=b'{"name":"smuggled"}')
    assert (answer.status, answer.error) == (403, "InvalidSignatureException")
    assert unchanged(made)


def test_two_signatures_at_once(made: Made) -> None:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={harness.ACCESS_KEY_ID}/20260101/"
        f"{harness.REGION}/ivschat/aws4_request, SignedHeaders=host, Signature={'0' * 64}",
    }
    answer = call(urllib.request.Request(rename(made), headers=headers, method="POST"))
    assert 400 <= answer.status < 404
    assert unchanged(made)
