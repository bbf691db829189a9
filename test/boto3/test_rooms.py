"""Rooms, as control-plane.md §2 has them."""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

HANDLER = f"arn:aws:lambda:{harness.REGION}:{harness.ACCOUNT}:function:review"
ROOM = {
    "arn",
    "id",
    "name",
    "createTime",
    "updateTime",
    "maximumMessageRatePerSecond",
    "maximumMessageLength",
    "tags",
    "loggingConfigurationIdentifiers",
}
SUMMARY = ROOM - {"maximumMessageRatePerSecond", "maximumMessageLength"}


def test_create_room_with_nothing_has_every_default(client: IvschatClient) -> None:
    before = datetime.datetime.now(datetime.UTC)
    room = client.create_room()
    after = datetime.datetime.now(datetime.UTC)

    assert set(harness.members(room)) == ROOM
    assert re.fullmatch(r"[a-zA-Z0-9]{12}", room["id"])
    assert room["arn"] == harness.room_arn(room["id"])
    assert room["name"] == ""
    assert room["maximumMessageRatePerSecond"] == 10
    assert room["maximumMessageLength"] == 500
    assert room["tags"] == {}
    assert room["loggingConfigurationIdentifiers"] == []
    assert room["createTime"] == room["updateTime"]
    assert room["createTime"].utcoffset() == datetime.timedelta(0)
    assert room["createTime"].microsecond % 1000 == 0
    slack = datetime.timedelta(milliseconds=1)
    assert before - slack <= room["createTime"] <= after + slack
    assert room["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert room["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"


def test_times_are_strings_with_three_digits_on_the_wire(client: IvschatClient) -> None:
    wire = harness.Wire(client)
    client.create_room()
    room = json.loads(wire.body)
    for member in ("createTime", "updateTime"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", room[member])


def test_create_room_echoes_what_it_was_given(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    attached = [logging_configuration(f"log-{i}")["arn"] for i in range(3)]
    room = client.create_room(
        name="Main_stage-2",
        maximumMessageRatePerSecond=100,
        maximumMessageLength=1,
        messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"},
        tags={"env": "test", "empty": ""},
        loggingConfigurationIdentifiers=attached,
    )

    assert set(harness.members(room)) == ROOM | {"messageReviewHandler"}
    assert room["name"] == "Main_stage-2"
    assert room["maximumMessageRatePerSecond"] == 100
    assert room["maximumMessageLength"] == 1
    assert room["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "DENY"}
    assert room["tags"] == {"env": "test", "empty": ""}
    assert room["loggingConfigurationIdentifiers"] == attached
    assert harness.members(client.get_room(identifier=room["arn"])) == harness.members(room)


def test_a_handler_without_fallback_result_allows(client: IvschatClient) -> None:
    room = client.create_room(messageReviewHandler={"uri": HANDLER})
    assert room["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "ALLOW"}


def test_names_need_not_be_unique(client: IvschatClient) -> None:
    first, second = client.create_room(name="twin"), client.create_room(name="twin")
    assert first["arn"] != second["arn"]


def test_get_room(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    got = client.get_room(identifier=room["arn"])
    assert harness.members(got) == harness.members(room)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_update_room_replaces_what_is_given_and_keeps_the_rest(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    first, second = logging_configuration("first")["arn"], logging_configuration("second")["arn"]
    room = client.create_room(
        name="before",
        maximumMessageRatePerSecond=20,
        tags={"kept": "yes"},
        loggingConfigurationIdentifiers=[first],
    )
    updated = client.update_room(
        identifier=room["arn"],
        name="after",
        maximumMessageLength=99,
        loggingConfigurationIdentifiers=[second, first],
    )

    want = harness.members(room) | {
        "name": "after",
        "maximumMessageLength": 99,
        "loggingConfigurationIdentifiers": [second, first],
        "updateTime": updated["updateTime"],
    }
    assert harness.members(updated) == want
    assert updated["updateTime"] >= room["updateTime"]
    assert harness.members(client.get_room(identifier=room["arn"])) == want

    cleared = client.update_room(
        identifier=room["arn"], name="", loggingConfigurationIdentifiers=[]
    )
    assert cleared["name"] == ""
    assert cleared["loggingConfigurationIdentifiers"] == []
    assert cleared["maximumMessageLength"] == 99


def test_update_room_merges_and_clears_the_handler(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    arn = room["arn"]
    assert "messageReviewHandler" not in harness.members(room)
    client.update_room(identifier=arn, messageReviewHandler={"uri": HANDLER})
    merged = client.update_room(identifier=arn, messageReviewHandler={"fallbackResult": "DENY"})
    assert merged["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "DENY"}
    cleared = client.update_room(identifier=arn, messageReviewHandler={"uri": ""})
    assert cleared["messageReviewHandler"] == {"uri": "", "fallbackResult": "DENY"}
    assert client.get_room(identifier=arn)["messageReviewHandler"] == {
        "uri": "",
        "fallbackResult": "DENY",
    }


def test_delete_room(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    wire = harness.Wire(client)
    deleted = client.delete_room(identifier=room["arn"])
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert wire.body == b""
    for call in (client.get_room, client.delete_room):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            call(identifier=room["arn"])


def test_list_rooms_shows_summaries(client: IvschatClient) -> None:
    room = client.create_room(
        name="summary", tags={"a": "b"}, messageReviewHandler={"uri": HANDLER}
    )
    listed = client.list_rooms(name="summary")
    assert set(harness.members(listed)) == {"rooms"}
    (summary,) = listed["rooms"]
    assert set(summary) == SUMMARY | {"messageReviewHandler"}
    assert dict(summary) == {
        name: value for name, value in harness.members(room).items() if name in summary
    }


def test_list_rooms_filters_are_anded(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    attached = logging_configuration("filter")["arn"]
    handler = f"{HANDLER}-filter"
    both = client.create_room(
        name="filtered",
        messageReviewHandler={"uri": handler},
        loggingConfigurationIdentifiers=[attached],
    )["arn"]
    handled = client.create_room(name="filtered", messageReviewHandler={"uri": handler})["arn"]
    named = client.create_room(name="filtered")["arn"]
    client.create_room(name="Filtered")

    by_name = client.list_rooms(name="filtered")["rooms"]
    assert {r["arn"] for r in by_name} == {both, handled, named}
    by_handler = client.list_rooms(messageReviewHandlerUri=handler)["rooms"]
    assert {r["arn"] for r in by_handler} == {both, handled}
    by_logging = client.list_rooms(loggingConfigurationIdentifier=attached)["rooms"]
    assert {r["arn"] for r in by_logging} == {both}
    by_all = client.list_rooms(
        name="filtered", messageReviewHandlerUri=handler, loggingConfigurationIdentifier=attached
    )["rooms"]
    assert {r["arn"] for r in by_all} == {both}
    assert client.list_rooms(name="nobody-has-this-name")["rooms"] == []
