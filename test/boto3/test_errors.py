"""Each modelled exception, caught by its own class, with its members (control-plane.md §5)."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.exceptions import ClientError
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateRoomResponseTypeDef

    Serve = Callable[..., harness.Server]

STRANGER = "999999999999"


def caught(error: pytest.ExceptionInfo[ClientError]) -> harness.Refusal:
    return harness.refusal(error.value)


def test_access_denied_for_another_accounts_arn(client: IvschatClient) -> None:
    foreign = harness.room_arn(account=STRANGER)
    calls: list[Callable[[], Any]] = [
        lambda: client.get_room(identifier=foreign),
        lambda: client.update_room(identifier=foreign, name="mine"),
        lambda: client.delete_room(identifier=foreign),
        lambda: client.create_chat_token(roomIdentifier=foreign, userId="alice"),
        lambda: client.send_event(roomIdentifier=foreign, eventName="app:poll"),
        lambda: client.get_logging_configuration(identifier=harness.logging_arn(account=STRANGER)),
        lambda: client.list_tags_for_resource(resourceArn=foreign),
    ]
    for call in calls:
        with pytest.raises(client.exceptions.AccessDeniedException) as error:
            call()
        refusal = caught(error)
        assert (refusal.status, refusal.code) == (403, "AccessDeniedException")
        assert set(refusal.members) == {"message"}
        assert STRANGER in refusal.message
        assert "is not authorized to perform: ivschat:" in refusal.message


def test_conflict_when_an_attached_logging_configuration_is_deleted(
    client: IvschatClient, logging_configuration: harness.MakeLoggingConfiguration
) -> None:
    made = logging_configuration()
    room = client.create_room(loggingConfigurationIdentifiers=[made["arn"]])
    with pytest.raises(client.exceptions.ConflictException) as error:
        client.delete_logging_configuration(identifier=made["arn"])
    refusal = caught(error)
    assert (refusal.status, refusal.code) == (409, "ConflictException")
    assert refusal.members == {
        "message": refusal.message,
        "resourceId": made["id"],
        "resourceType": "LOGGING_CONFIGURATION",
    }
    assert refusal.message
    client.update_room(identifier=room["arn"], loggingConfigurationIdentifiers=[])
    client.delete_logging_configuration(identifier=made["arn"])


def test_resource_not_found_names_the_room(client: IvschatClient) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException) as error:
        client.get_room(identifier=harness.room_arn("NoSuchRoom12"))
    refusal = caught(error)
    assert (refusal.status, refusal.code) == (404, "ResourceNotFoundException")
    assert refusal.members == {
        "message": refusal.message,
        "resourceId": "NoSuchRoom12",
        "resourceType": "ROOM",
    }
    assert refusal.message


def test_resource_not_found_names_the_logging_configuration(client: IvschatClient) -> None:
    missing = harness.logging_arn("NoSuchLogs12")
    calls: list[Callable[[], Any]] = [
        lambda: client.get_logging_configuration(identifier=missing),
        lambda: client.create_room(loggingConfigurationIdentifiers=[missing]),
        lambda: client.list_rooms(loggingConfigurationIdentifier=missing),
    ]
    for call in calls:
        with pytest.raises(client.exceptions.ResourceNotFoundException) as error:
            call()
        refusal = caught(error)
        assert refusal.members["resourceId"] == "NoSuchLogs12"
        assert refusal.members["resourceType"] == "LOGGING_CONFIGURATION"


def test_an_arn_of_another_region_names_nothing(client: IvschatClient) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_room(identifier=harness.room_arn(region="eu-west-1"))


def test_service_quota_exceeded_by_the_eleventh_logging_configuration(serve: Serve) -> None:
    client = serve().client()
    for i in range(10):
        client.create_logging_configuration(
            name=f"log-{i}", destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
        )
    with pytest.raises(client.exceptions.ServiceQuotaExceededException) as error:
        client.create_logging_configuration(
            destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
        )
    refusal = caught(error)
    assert (refusal.status, refusal.code) == (402, "ServiceQuotaExceededException")
    assert refusal.members == {
        "message": refusal.message,
        "resourceId": "",
        "resourceType": "LOGGING_CONFIGURATION",
        "limit": 10,
    }
    assert refusal.message

    listed = client.list_logging_configurations()["loggingConfigurations"]
    assert len(listed) == 10
    client.delete_logging_configuration(identifier=listed[0]["arn"])
    client.create_logging_configuration(
        destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
    )


@pytest.fixture(scope="module")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    running = harness.serve(tmp_path_factory.mktemp("throttled") / "data", "--quotas", "aws")
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("operation", "limit"),
    [
        ("get_room", 5),
        ("list_rooms", 5),
        ("list_logging_configurations", 3),
        ("list_tags_for_resource", 10),
    ],
)
def test_throttling_over_an_api_rate(throttled: harness.Server, operation: str, limit: int) -> None:
    # CreateRoom has its own rate, so the patient default client makes the room.
    arn = throttled.client().create_room()["arn"]
    client = throttled.client(config=harness.ONCE)
    input: dict[str, dict[str, str]] = {
        "get_room": {"identifier": arn},
        "list_tags_for_resource": {"resourceArn": arn},
    }
    with pytest.raises(client.exceptions.ThrottlingException) as error:
        for _ in range(20 * limit):
            getattr(client, operation)(**input.get(operation, {}))
    refusal = caught(error)
    assert (refusal.status, refusal.code, refusal.attempts) == (429, "ThrottlingException", 1)
    assert set(refusal.members) == {"message", "resourceId", "resourceType", "limit"}
    assert refusal.members["limit"] == limit
    assert refusal.members["resourceId"] in ("", arn.rpartition("/")[2])
    assert refusal.message


def test_validation_names_every_bad_field_at_once(client: IvschatClient) -> None:
    with pytest.raises(client.exceptions.ValidationException) as error:
        client.create_room(
            name="no spaces!",
            maximumMessageRatePerSecond=101,
            maximumMessageLength=501,
            messageReviewHandler={
                "uri": "https://example.com/review",
                "fallbackResult": "MAYBE",  # type: ignore[typeddict-item]
            },
            tags={"aws:mine": "1"},
            loggingConfigurationIdentifiers=["not-an-arn"],
        )
    refusal = caught(error)
    assert (refusal.status, refusal.code) == (400, "ValidationException")
    assert set(refusal.members) == {"message", "reason", "fieldList"}
    assert refusal.members["reason"] == "FIELD_VALIDATION_FAILED"
    fields = refusal.members["fieldList"]
    assert [field["name"] for field in fields] == [
        "name",
        "maximumMessageRatePerSecond",
        "maximumMessageLength",
        "messageReviewHandler.uri",
        "messageReviewHandler.fallbackResult",
        "tags[aws:mine]",
        "loggingConfigurationIdentifiers[0]",
    ]
    assert all(set(field) == {"name", "message"} and field["message"] for field in fields)


def test_validation_says_it_in_the_known_sentence(client: IvschatClient) -> None:
    with pytest.raises(client.exceptions.ValidationException) as error:
        client.create_room(maximumMessageLength=501)
    why = "value must be between 1 and 500"
    assert caught(error).members == {
        "message": f"Request member: maximumMessageLength failed to satisfy the constraints: {why}",
        "reason": "FIELD_VALIDATION_FAILED",
        "fieldList": [{"name": "maximumMessageLength", "message": why}],
    }


ROOM = harness.room_arn()
TOO_LONG = "arn:aws:ivschat:us-east-1:123456789012:room/" + "a" * 100
BAD_INPUTS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("get_room", {"identifier": "lobby"}, {"identifier"}),
    ("get_room", {"identifier": TOO_LONG}, {"identifier"}),
    ("get_room", {"identifier": harness.logging_arn()}, {"identifier"}),
    ("update_room", {"identifier": "x", "name": "a b"}, {"identifier", "name"}),
    ("delete_room", {"identifier": "x"}, {"identifier"}),
    ("list_rooms", {"maxResults": 51, "name": "n" * 129}, {"maxResults", "name"}),
    ("list_rooms", {"nextToken": "garbled"}, {"nextToken"}),
    (
        "create_chat_token",
        {
            "roomIdentifier": "x",
            "userId": "u" * 129,
            "capabilities": ["SEND_MESSAGE", "FLY"],
            "sessionDurationInMinutes": 181,
            "attributes": {"k": "v" * 1024},
        },
        {
            "roomIdentifier",
            "userId",
            "capabilities[1]",
            "sessionDurationInMinutes",
            "attributes",
        },
    ),
    (
        "send_event",
        {"roomIdentifier": "x", "eventName": "aws:DELETE_MESSAGE", "attributes": {"k": "v" * 4096}},
        {"roomIdentifier", "eventName", "attributes"},
    ),
    (
        "delete_message",
        {"roomIdentifier": "x", "id": "thirteenchars", "reason": "r" * 257},
        {"roomIdentifier", "id", "reason"},
    ),
    (
        "disconnect_user",
        {"roomIdentifier": "x", "userId": "u" * 129, "reason": "r" * 257},
        {"roomIdentifier", "userId", "reason"},
    ),
    (
        "create_logging_configuration",
        {"name": "a b", "destinationConfiguration": {"s3": {"bucketName": "UPPER"}}},
        {"name", "destinationConfiguration.s3.bucketName"},
    ),
    (
        "create_room",
        {"loggingConfigurationIdentifiers": [harness.logging_arn()] * 2},
        {"loggingConfigurationIdentifiers[1]"},
    ),
    ("list_tags_for_resource", {"resourceArn": "arn:aws:s3:::bucket"}, {"resourceArn"}),
]


@pytest.mark.parametrize(("operation", "input", "fields"), BAD_INPUTS)
def test_validation_of_every_operation(
    client: IvschatClient, operation: str, input: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(client.exceptions.ValidationException) as error:
        getattr(client, operation)(**input)
    refusal = caught(error)
    assert refusal.members["reason"] == "FIELD_VALIDATION_FAILED"
    assert {field["name"] for field in refusal.members["fieldList"]} == fields


def test_internal_server_exception_when_the_database_fails(serve: Serve, tmp_path: Path) -> None:
    """The real server, its tables taken away under it: the error tells nothing of that."""
    client = serve().client(config=harness.ONCE)
    arn = client.create_room()["arn"]
    database = find_database(tmp_path / "data")
    rename_tables(database, "", "hidden_")
    with pytest.raises(client.exceptions.InternalServerException) as error:
        client.create_room()
    refusal = caught(error)
    assert (refusal.status, refusal.code) == (500, "InternalServerException")
    assert refusal.members == {"message": "An internal error occurred."}

    rename_tables(database, "hidden_", "")
    assert client.get_room(identifier=arn)["arn"] == arn
    client.create_room()


def find_database(data: Path) -> Path:
    (found,) = (file for file in data.rglob("*") if is_database(file))
    return found


def is_database(file: Path) -> bool:
    magic = b"SQLite format 3\0"
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(magic)) == magic


def rename_tables(database: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            if name.startswith(old)
        ]
        assert names
        for name in names:
            connection.execute(f'ALTER TABLE "{name}" RENAME TO "{new}{name.removeprefix(old)}"')


def test_pending_verification_of_a_suspended_account(serve: Serve) -> None:
    before = serve()
    client = before.client()
    room = client.create_room(name="before")
    arn = room["arn"]
    logs = client.create_logging_configuration(
        destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
    )
    before.stop()

    client = serve("--pending-accounts", harness.ACCOUNT).client()
    calls: list[Callable[[], Any]] = [
        client.create_room,
        lambda: client.update_room(identifier=arn, name="after"),
        lambda: client.delete_room(identifier=arn),
        lambda: client.create_chat_token(roomIdentifier=arn, userId="alice"),
        lambda: client.send_event(roomIdentifier=arn, eventName="app:poll"),
        lambda: client.delete_message(roomIdentifier=arn, id="AYk6xKitV4On"),
        lambda: client.disconnect_user(roomIdentifier=arn, userId="alice"),
        lambda: client.create_logging_configuration(
            destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
        ),
        lambda: client.update_logging_configuration(identifier=logs["arn"], name="after"),
        lambda: client.delete_logging_configuration(identifier=logs["arn"]),
    ]
    for call in calls:
        with pytest.raises(client.exceptions.PendingVerification) as error:
            call()
        refusal = caught(error)
        assert (refusal.status, refusal.code) == (403, "PendingVerification")
        assert refusal.members == {"message": "Your account is pending verification."}
        assert refusal.attempts == 1

    assert harness.members(client.get_room(identifier=arn)) == harness.members(room)
    assert [listed["arn"] for listed in client.list_rooms()["rooms"]] == [arn]
    got = client.get_logging_configuration(identifier=logs["arn"])
    assert harness.members(got) == harness.members(logs)


def test_the_name_in_the_header_and_the_body_agree(client: IvschatClient) -> None:
    wire = harness.Wire(client)
    with pytest.raises(client.exceptions.ResourceNotFoundException) as error:
        client.get_room(identifier=harness.room_arn())
    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert headers["content-type"] == "application/json"
    assert re.search(rb'"__type":\s*"ResourceNotFoundException"', wire.body)


def test_an_exception_class_catches_only_its_own(
    client: IvschatClient, room: CreateRoomResponseTypeDef
) -> None:
    client.delete_room(identifier=room["arn"])
    try:
        client.get_room(identifier=room["arn"])
    except client.exceptions.ConflictException:
        pytest.fail("a missing room is no conflict")
    except client.exceptions.ResourceNotFoundException as error:
        assert harness.refusal(error).members["resourceId"] == room["id"]
    else:
        pytest.fail("a deleted room was found")
