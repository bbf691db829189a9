"""Tags, and the path and query encoding their operations have (control-plane.md §1.1, §4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest
from plain import call, signed

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

HARD = {
    "Größe": "très grand",
    "プロジェクト": "配信 チャット",
    "a b": "  two  spaces  ",
    "x+y-z=1._:/@": "+-=._:/@",
    "e\u0301": "combining",
    "\u00e9": "precomposed",
    "Key": "upper",
    "key": "lower",
    "empty": "",
}


def test_tag_list_and_untag_a_room(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    arn = room["arn"]
    before = client.get_room(identifier=arn)
    assert harness.members(client.list_tags_for_resource(resourceArn=arn)) == {"tags": {}}

    tagged = client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    assert harness.members(tagged) == {}
    assert tagged["ResponseMetadata"]["HTTPStatusCode"] == 200
    client.tag_resource(resourceArn=arn, tags={"b": "two", "c": "3"})
    want = {"a": "1", "b": "two", "c": "3"}
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == want

    untagged = client.untag_resource(resourceArn=arn, tagKeys=["a", "c", "never-there"])
    assert harness.members(untagged) == {}
    assert untagged["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "two"}
    client.untag_resource(resourceArn=arn, tagKeys=["a", "c", "never-there"])

    after = harness.members(client.get_room(identifier=arn))
    assert after == harness.members(before) | {"tags": {"b": "two"}}


def test_logging_configurations_are_taggable(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    arn = logging_configuration()["arn"]
    client.tag_resource(resourceArn=arn, tags=HARD)
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == HARD
    assert client.get_logging_configuration(identifier=arn)["tags"] == HARD
    client.untag_resource(resourceArn=arn, tagKeys=list(HARD))
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def test_tags_of_every_alphabet_come_back_unchanged(client: IvschatClient) -> None:
    room = client.create_room(name="hard-tags", tags=HARD)
    assert room["tags"] == HARD
    assert client.get_room(identifier=room["arn"])["tags"] == HARD
    assert client.list_rooms(name="hard-tags")["rooms"][0]["tags"] == HARD
    for key in HARD:
        client.untag_resource(resourceArn=room["arn"], tagKeys=[key])
        assert key not in client.list_tags_for_resource(resourceArn=room["arn"])["tags"]


def test_untag_keys_that_need_every_escape(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    arn = room["arn"]
    client.tag_resource(resourceArn=arn, tags={"kept": "1"})
    client.untag_resource(resourceArn=arn, tagKeys=["c&d/é", "a=b?c#d", "100%", "%2F", "+", "'"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"kept": "1"}


def test_fifty_tags_and_no_more(client: IvschatClient, room: CreateRoomResponseTypeDef) -> None:
    arn = room["arn"]
    fifty = {f"key-{i}": str(i) for i in range(50)}
    client.tag_resource(resourceArn=arn, tags=fifty)
    client.tag_resource(resourceArn=arn, tags={"key-0": "again"})
    with pytest.raises(client.exceptions.ValidationException):
        client.tag_resource(resourceArn=arn, tags={"one-more": "1"})
    want = fifty | {"key-0": "again"}
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == want
    client.untag_resource(resourceArn=arn, tagKeys=list(fifty))
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}


@pytest.mark.parametrize(
    "tags",
    [{"aws:reserved": "1"}, {"k" * 129: "1"}, {"key": "v" * 257}, {"<b>": "1"}],
    ids=["reserved prefix", "key too long", "value too long", "character"],
)
def test_tags_that_may_not_be(
    client: IvschatClient, room: CreateRoomResponseTypeDef, tags: dict[str, str]
) -> None:
    with pytest.raises(client.exceptions.ValidationException):
        client.tag_resource(resourceArn=room["arn"], tags=tags)
    with pytest.raises(client.exceptions.ValidationException):
        client.create_room(tags=tags)
    assert client.list_tags_for_resource(resourceArn=room["arn"])["tags"] == {}


@pytest.mark.parametrize("arn", [harness.room_arn(), harness.logging_arn()])
def test_tag_operations_need_the_resource(client: IvschatClient, arn: str) -> None:
    not_found = client.exceptions.ResourceNotFoundException
    with pytest.raises(not_found):
        client.list_tags_for_resource(resourceArn=arn)
    with pytest.raises(not_found):
        client.tag_resource(resourceArn=arn, tags={"a": "b"})
    with pytest.raises(not_found):
        client.untag_resource(resourceArn=arn, tagKeys=["a"])


def test_an_arn_that_is_not_escaped_in_the_path(
    server: harness.Server, client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    """Hand-written clients send the ARN's slash and colons as they are."""
    client.tag_resource(resourceArn=room["arn"], tags={"a": "b"})
    answer = call(signed("GET", f"{server.endpoint}/tags/{room['arn']}"))
    assert (answer.status, answer.json) == (200, {"tags": {"a": "b"}})
