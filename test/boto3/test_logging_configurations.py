"""Logging configurations, as control-plane.md §3 has them."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import DestinationConfigurationTypeDef

MEMBERS = {
    "arn",
    "id",
    "createTime",
    "updateTime",
    "name",
    "destinationConfiguration",
    "state",
    "tags",
}
DESTINATIONS: list[DestinationConfigurationTypeDef] = [
    {"s3": {"bucketName": "chat-logs.example"}},
    {"cloudWatchLogs": {"logGroupName": "/aws/ivschat/room#1"}},
    {"firehose": {"deliveryStreamName": "Chat_logs.v1"}},
]


@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda d: next(iter(d)))
def test_create_logging_configuration(
    client: IvschatClient, destination: DestinationConfigurationTypeDef
) -> None:
    made = client.create_logging_configuration(
        name="audit", destinationConfiguration=destination, tags={"team": "trust"}
    )
    try:
        assert set(harness.members(made)) == MEMBERS
        assert re.fullmatch(r"[a-zA-Z0-9]{12}", made["id"])
        assert made["arn"] == harness.logging_arn(made["id"])
        assert made["name"] == "audit"
        assert made["destinationConfiguration"] == destination
        assert made["state"] == "ACTIVE"
        assert made["tags"] == {"team": "trust"}
        for time in (made["createTime"], made["updateTime"]):
            assert time.utcoffset() == datetime.timedelta(0)
            assert time.microsecond % 1000 == 0
        got = client.get_logging_configuration(identifier=made["arn"])
        assert harness.members(got) == harness.members(made)
    finally:
        client.delete_logging_configuration(identifier=made["arn"])


def test_create_logging_configuration_defaults(
    client: IvschatClient,
) -> None:
    made = client.create_logging_configuration(
        destinationConfiguration={"firehose": {"deliveryStreamName": "stream"}}
    )
    client.delete_logging_configuration(identifier=made["arn"])
    assert made["name"] == ""
    assert made["tags"] == {}


def test_update_logging_configuration_in_place(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    made = logging_configuration("before")
    renamed = client.update_logging_configuration(identifier=made["arn"], name="after")
    assert harness.members(renamed) == harness.members(made) | {
        "name": "after",
        "updateTime": renamed["updateTime"],
    }
    assert renamed["updateTime"] >= made["updateTime"]

    moved = client.update_logging_configuration(
        identifier=made["arn"],
        destinationConfiguration={"cloudWatchLogs": {"logGroupName": "group"}},
    )
    assert moved["arn"] == made["arn"]
    assert moved["name"] == "after"
    assert moved["destinationConfiguration"] == {"cloudWatchLogs": {"logGroupName": "group"}}
    assert moved["state"] == "ACTIVE"
    assert harness.members(
        client.get_logging_configuration(identifier=made["arn"])
    ) == harness.members(moved)


def test_delete_logging_configuration(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    arn = logging_configuration()["arn"]
    wire = harness.Wire(client)
    deleted = client.delete_logging_configuration(identifier=arn)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert wire.body == b""
    for call in (client.get_logging_configuration, client.delete_logging_configuration):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            call(identifier=arn)


def test_deleting_the_room_releases_the_logging_configuration(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    arn = logging_configuration()["arn"]
    room = client.create_room(loggingConfigurationIdentifiers=[arn])
    with pytest.raises(client.exceptions.ConflictException):
        client.delete_logging_configuration(identifier=arn)
    client.delete_room(identifier=room["arn"])
    client.delete_logging_configuration(identifier=arn)


def test_list_logging_configurations_pages_newest_update_first(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    made = [logging_configuration(f"page-{i}") for i in range(3)]
    oldest = made[0]["arn"]
    client.update_logging_configuration(identifier=oldest, name="page-again")

    first = client.list_logging_configurations(maxResults=2)
    assert len(first["loggingConfigurations"]) == 2
    second = client.list_logging_configurations(maxResults=2, nextToken=first["nextToken"])
    assert "nextToken" not in second
    listed = first["loggingConfigurations"] + second["loggingConfigurations"]
    assert {entry["arn"] for entry in listed} == {m["arn"] for m in made}
    assert len(listed) == len(made)
    times = [entry["updateTime"] for entry in listed]
    assert times == sorted(times, reverse=True)
    for entry in listed:
        assert set(entry) == MEMBERS
        got = client.get_logging_configuration(identifier=entry["arn"])
        assert harness.members(got) == entry


def test_list_logging_configurations_is_never_absent(client: IvschatClient) -> None:
    assert harness.members(client.list_logging_configurations()) == {"loggingConfigurations": []}
