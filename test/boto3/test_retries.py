"""What boto3 retries, counted on the wire, and the request ids it hands on."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import TYPE_CHECKING, Any

import harness
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ivschat.client import IvschatClient

    Serve = Callable[..., harness.Server]

REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MODES = [
    Config(),
    Config(retries={"mode": "standard"}),
    Config(retries={"mode": "adaptive"}),
]


@pytest.mark.parametrize("config", MODES, ids=["default", "standard", "adaptive"])
def test_client_errors_are_not_retried(serve: Serve, config: Config) -> None:
    client = serve().client(config=config)
    arns = [
        client.create_logging_configuration(
            destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
        )["arn"]
        for _ in range(10)
    ]
    client.create_room(loggingConfigurationIdentifiers=arns[:1])
    cases: list[tuple[int, Callable[[], Any]]] = [
        (
            402,
            lambda: client.create_logging_configuration(
                destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
            ),
        ),
        (403, lambda: client.get_room(identifier=harness.room_arn(account="999999999999"))),
        (404, lambda: client.get_room(identifier=harness.room_arn())),
        (409, lambda: client.delete_logging_configuration(identifier=arns[0])),
        (400, lambda: client.create_room(maximumMessageLength=501)),
    ]
    sent = harness.Sent(client)
    for i, (status, call) in enumerate(cases, start=1):
        with pytest.raises(ClientError) as error:
            call()
        refusal = harness.refusal(error.value)
        assert (refusal.status, refusal.attempts) == (status, 1)
        assert sent.count == i


def test_throttling_is_retried_until_it_succeeds(serve: Serve) -> None:
    client = serve("--quotas", "aws").client(
        config=Config(retries={"mode": "standard", "total_max_attempts": 8})
    )
    sent = harness.Sent(client)
    calls = 0
    retried = 0
    # A burst of 5 is allowed at once; the sixth has to wait for its turn.
    while not retried and calls < 100:
        retried = client.list_rooms()["ResponseMetadata"]["RetryAttempts"]
        calls += 1
    assert retried >= 1
    assert sent.count == calls + retried


def test_every_answer_has_a_request_id_and_a_date(client: IvschatClient) -> None:
    seen: set[str] = set()

    def check(metadata: Any) -> None:
        assert REQUEST_ID.fullmatch(metadata["RequestId"])
        assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]
        seen.add(metadata["RequestId"])
        date = email.utils.parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
        age = datetime.datetime.now(datetime.UTC) - date
        assert abs(age) < datetime.timedelta(seconds=5)

    room = client.create_room()
    check(room["ResponseMetadata"])
    check(client.list_rooms()["ResponseMetadata"])
    check(client.tag_resource(resourceArn=room["arn"], tags={})["ResponseMetadata"])
    check(client.delete_room(identifier=room["arn"])["ResponseMetadata"])  # 204
    with pytest.raises(ClientError) as missing:
        client.get_room(identifier=room["arn"])
    check(missing.value.response["ResponseMetadata"])
    assert len(seen) == 5
