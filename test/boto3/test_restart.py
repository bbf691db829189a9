"""An acknowledged write survives kill -9."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import harness
import pytest
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

    Serve = Callable[..., harness.Server]


def test_everything_is_there_after_kill_9(serve: Serve) -> None:
    first = serve()
    client = first.client()
    logs = client.create_logging_configuration(
        name="kept", destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
    )
    room = client.create_room(
        name="kept",
        maximumMessageLength=42,
        tags={"größe": "XL"},
        loggingConfigurationIdentifiers=[logs["arn"]],
    )
    deleted = client.create_room(name="deleted")
    client.delete_room(identifier=deleted["arn"])
    client.tag_resource(resourceArn=room["arn"], tags={"late": "1"})
    updated = client.update_room(identifier=room["arn"], maximumMessageRatePerSecond=7)
    token = client.list_rooms(maxResults=1).get("nextToken")
    assert token is None
    first.kill()

    client = serve().client()
    assert harness.members(client.get_room(identifier=room["arn"])) == harness.members(updated)
    assert updated["tags"] == {"größe": "XL", "late": "1"}
    got = client.get_logging_configuration(identifier=logs["arn"])
    assert harness.members(got) == harness.members(logs)
    assert [listed["arn"] for listed in client.list_rooms()["rooms"]] == [room["arn"]]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_room(identifier=deleted["arn"])


def test_a_page_token_outlives_the_process(serve: Serve) -> None:
    first = serve()
    client = first.client()
    made = {client.create_room()["arn"] for _ in range(4)}
    page = client.list_rooms(maxResults=2)
    first.kill()
    rest = serve().client().list_rooms(maxResults=2, nextToken=page["nextToken"])
    assert {room["arn"] for room in page["rooms"] + rest["rooms"]} == made


def test_no_acknowledged_room_is_lost_when_killed_while_writing(serve: Serve) -> None:
    first = serve()
    acknowledged: list[CreateRoomResponseTypeDef] = []
    enough = threading.Event()

    def write() -> None:
        client = first.client(config=harness.ONCE)
        while True:
            try:
                acknowledged.append(client.create_room(name="written"))
            except BotoCoreError:
                return
            if len(acknowledged) >= 40:
                enough.set()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    first.kill()
    for writer in writers:
        writer.join()

    client = serve().client()
    for room in acknowledged:
        assert harness.members(client.get_room(identifier=room["arn"])) == harness.members(room)
