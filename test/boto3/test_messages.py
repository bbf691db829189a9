"""Chat tokens and the three messaging operations, as control-plane.md §4 has them."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

# RFC 7230's token: a chat token travels as a WebSocket subprotocol.
SUBPROTOCOL = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,4096}")
ID = re.compile(r"[a-zA-Z0-9]{12}")
SLACK = datetime.timedelta(seconds=5)


def test_create_chat_token(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    now = datetime.datetime.now(datetime.UTC)
    output = client.create_chat_token(roomIdentifier=room["arn"], userId="alice")
    assert set(harness.members(output)) == {
        "token",
        "tokenExpirationTime",
        "sessionExpirationTime",
    }
    assert SUBPROTOCOL.fullmatch(output["token"])
    for time, minutes in (("tokenExpirationTime", 1), ("sessionExpirationTime", 60)):
        ends: datetime.datetime = output[time]  # type: ignore[literal-required]
        assert ends.utcoffset() == datetime.timedelta(0)
        assert ends.microsecond % 1000 == 0
        assert abs(ends - now - datetime.timedelta(minutes=minutes)) < SLACK


def test_create_chat_token_with_everything(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    output = client.create_chat_token(
        roomIdentifier=room["arn"],
        userId="Алиса 👩‍🚀 " + "x" * 100,
        capabilities=["SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"],
        sessionDurationInMinutes=180,
        attributes={"displayName": "é" * 506, "n": ""},  # 1,024 bytes, as many as there may be
    )
    assert SUBPROTOCOL.fullmatch(output["token"])
    assert abs(output["sessionExpirationTime"] - now - datetime.timedelta(hours=3)) < SLACK


def test_every_chat_token_is_new(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    tokens = {
        client.create_chat_token(roomIdentifier=room["arn"], userId="alice")["token"]
        for _ in range(5)
    }
    assert len(tokens) == 5


def test_send_event(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    bare = client.send_event(roomIdentifier=room["arn"], eventName="app:poll")
    full = client.send_event(
        roomIdentifier=room["arn"],
        eventName="app:poll",
        attributes={"question": "Ça va ?", "payload": "x" * 4000},
    )
    for output in (bare, full):
        assert set(harness.members(output)) == {"id"}
        assert ID.fullmatch(output["id"])
    assert bare["id"] != full["id"]


def test_delete_message_answers_a_new_id(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    message = "AYk6xKitV4On"
    bare = client.delete_message(roomIdentifier=room["arn"], id=message)
    full = client.delete_message(roomIdentifier=room["arn"], id=message, reason="спам" * 64)
    for output in (bare, full):
        assert set(harness.members(output)) == {"id"}
        assert ID.fullmatch(output["id"])
        assert output["id"] != message


def test_disconnect_user_who_is_not_there(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    bare = client.disconnect_user(roomIdentifier=room["arn"], userId="nobody")
    full = client.disconnect_user(roomIdentifier=room["arn"], userId="nobody", reason="rude")
    for output in (bare, full):
        assert harness.members(output) == {}
        assert output["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_messaging_operations_need_the_room(client: IvschatClient) -> None:
    gone = harness.room_arn("NoSuchRoom12")
    not_found = client.exceptions.ResourceNotFoundException
    with pytest.raises(not_found):
        client.create_chat_token(roomIdentifier=gone, userId="alice")
    with pytest.raises(not_found):
        client.send_event(roomIdentifier=gone, eventName="app:poll")
    with pytest.raises(not_found):
        client.delete_message(roomIdentifier=gone, id="AYk6xKitV4On")
    with pytest.raises(not_found):
        client.disconnect_user(roomIdentifier=gone, userId="alice")
