"""The client class itself: what it offers, and what it refuses before sending anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import harness
import pytest
from botocore.exceptions import ParamValidationError

if TYPE_CHECKING:
    from types_boto3_ivschat.client import IvschatClient

ROOM = harness.room_arn()


def test_the_suite_knows_every_method(client: IvschatClient) -> None:
    assert sorted(client.meta.method_to_api_mapping) == harness.METHODS


@pytest.mark.parametrize("method", harness.METHODS)
def test_can_paginate(client: IvschatClient, method: str) -> None:
    """botocore has no paginators for this service, the two list operations included."""
    assert client.can_paginate(method) is False


def test_no_waiters(client: IvschatClient) -> None:
    assert client.waiter_names == []


NEVER_SENT: list[tuple[str, dict[str, Any], str]] = [
    ("get_room", {}, 'Missing required parameter in input: "identifier"'),
    ("create_chat_token", {"roomIdentifier": ROOM}, 'Missing required parameter.*"userId"'),
    ("get_room", {"identifier": ""}, "Invalid length for parameter identifier"),
    ("create_room", {"maximumMessageLength": 0}, "valid min value: 1"),
    ("create_room", {"maximumMessageLength": "500"}, "Invalid type for parameter"),
    ("create_room", {"topic": "x"}, 'Unknown parameter in input: "topic"'),
    ("create_room", {"tags": {"": "x"}}, "Invalid length for parameter tags"),
    ("delete_message", {"roomIdentifier": ROOM, "id": "short"}, "Invalid length for parameter id"),
    (
        "disconnect_user",
        {"roomIdentifier": ROOM, "userId": "u", "reason": ""},
        "Invalid length for parameter reason",
    ),
    (
        "create_logging_configuration",
        {"destinationConfiguration": {}},
        "Must set one of the following keys",
    ),
    (
        "create_logging_configuration",
        {
            "destinationConfiguration": {
                "s3": {"bucketName": "bucket"},
                "firehose": {"deliveryStreamName": "stream"},
            }
        },
        "Invalid number of parameters set for tagged union structure",
    ),
    ("untag_resource", {"resourceArn": ROOM}, 'Missing required parameter.*"tagKeys"'),
]


@pytest.mark.parametrize(("method", "input", "complaint"), NEVER_SENT)
def test_boto3_refuses_before_sending(
    client: IvschatClient, method: str, input: dict[str, Any], complaint: str
) -> None:
    sent = harness.Sent(client)
    with pytest.raises(ParamValidationError) as error:
        getattr(client, method)(**input)
    assert re.search(complaint, str(error.value))
    assert sent.count == 0


def test_the_stubs_refuse_what_boto3_refuses(client: IvschatClient) -> None:
    """mypy fails on an ignore that is not needed, so these lines prove the stubs too."""
    with pytest.raises(ParamValidationError):
        client.get_room()  # type: ignore[call-arg]
    with pytest.raises(ParamValidationError):
        client.create_room(maximumMessageLength="500")  # type: ignore[arg-type]
    with pytest.raises(ParamValidationError):
        client.create_room(topic="x")  # type: ignore[call-arg]
