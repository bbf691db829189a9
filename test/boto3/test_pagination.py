"""Pages of rooms by nextToken: boto3 has no paginator for this service, so people loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest
from botocore.exceptions import OperationNotPageableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import ListRoomsRequestTypeDef, RoomSummaryTypeDef

COUNT = 120


@pytest.fixture(scope="module")
def arns(server: harness.Server) -> list[str]:
    """Rooms in the order they were made: every other one named even, the rest odd."""
    client = server.client()
    return [client.create_room(name=("even", "odd")[i % 2])["arn"] for i in range(COUNT)]


def pages(
    client: IvschatClient, input: ListRoomsRequestTypeDef
) -> Iterator[list[RoomSummaryTypeDef]]:
    output = client.list_rooms(**input)
    yield output["rooms"]
    count = 1
    while token := output.get("nextToken"):
        assert len(token) <= 1024
        assert (count := count + 1) <= COUNT, "the pages have no end"
        following: ListRoomsRequestTypeDef = {**input, "nextToken": token}
        output = client.list_rooms(**following)
        yield output["rooms"]


def test_default_pages_are_fifty_newest_update_first(
    client: IvschatClient, arns: list[str]
) -> None:
    listed = list(pages(client, {}))
    assert [len(page) for page in listed] == [50, 50, 20]
    rooms = [room for page in listed for room in page]
    assert [(r["updateTime"], r["arn"]) for r in rooms] == sorted(
        ((r["updateTime"], r["arn"]) for r in rooms),
        key=lambda at: (at[0], arns.index(at[1])),
        reverse=True,
    )
    assert sorted(room["arn"] for room in rooms) == sorted(arns)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_any_page_size_gives_the_same_rooms(
    client: IvschatClient, arns: list[str], size: int
) -> None:
    input: ListRoomsRequestTypeDef = {"name": "odd", "maxResults": size}
    listed = list(pages(client, input))
    assert all(len(page) == size for page in listed[:-1])
    assert 1 <= len(listed[-1]) <= size
    rooms = [room["arn"] for page in listed for room in page]
    assert sorted(rooms) == sorted(arns[1::2])
    assert rooms == [room["arn"] for page in pages(client, {"name": "odd"}) for room in page]


def test_the_last_page_has_no_token_even_when_full(client: IvschatClient) -> None:
    for _ in range(4):
        client.create_room(name="four")
    assert "nextToken" not in client.list_rooms(name="four", maxResults=4)
    assert [len(page) for page in pages(client, {"name": "four", "maxResults": 2})] == [2, 2]


def test_an_empty_token_asks_for_the_first_page(client: IvschatClient, arns: list[str]) -> None:
    assert arns
    first = client.list_rooms(maxResults=3)["rooms"]
    assert client.list_rooms(maxResults=3, nextToken="")["rooms"] == first


def test_a_room_made_between_pages_is_not_seen_twice(
    client: IvschatClient, arns: list[str]
) -> None:
    assert arns
    first = client.list_rooms(name="even", maxResults=5)
    client.create_room(name="even")
    second = client.list_rooms(name="even", maxResults=5, nextToken=first["nextToken"])
    seen = [room["arn"] for room in first["rooms"] + second["rooms"]]
    assert len(set(seen)) == 10
    client.delete_room(identifier=client.list_rooms(name="even", maxResults=1)["rooms"][0]["arn"])


def test_an_update_brings_a_room_to_the_front(client: IvschatClient) -> None:
    oldest = client.create_room(name="front")["arn"]
    client.create_room(name="front")
    for _ in range(100):
        # Equal milliseconds may leave the order to the id; a later one cannot.
        client.update_room(identifier=oldest)
        if client.list_rooms(name="front")["rooms"][0]["arn"] == oldest:
            return
    pytest.fail("the room updated last is not the first")


def test_a_token_is_bound_to_its_question(
    server: harness.Server, client: IvschatClient, arns: list[str]
) -> None:
    assert arns
    token = client.list_rooms(name="odd", maxResults=1)["nextToken"]
    invalid = client.exceptions.ValidationException
    with pytest.raises(invalid):
        client.list_rooms(name="even", nextToken=token)
    with pytest.raises(invalid):
        client.list_rooms(nextToken=token)
    with pytest.raises(invalid):
        client.list_logging_configurations(nextToken=token)
    changed = ("B" if token[0] == "A" else "A") + token[1:]
    with pytest.raises(invalid):
        client.list_rooms(name="odd", nextToken=changed)


def test_boto3_has_no_paginator(client: IvschatClient) -> None:
    with pytest.raises(OperationNotPageableError):
        client.get_paginator("list_rooms")
