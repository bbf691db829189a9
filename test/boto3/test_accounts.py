"""Accounts and regions are worlds of their own; dev mode takes anyone's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import harness
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ivschat.client import IvschatClient

FIRST, SECOND = "111111111111", "222222222222"
DEFAULT_ACCOUNT, DEFAULT_REGION = "000000000000", "us-west-2"


def client_of(server: harness.Server, account: str, region: str = harness.REGION) -> IvschatClient:
    return server.client(key=account, secret="anything", region=region)


def test_accounts_do_not_see_each_other(dev_server: harness.Server) -> None:
    first, second = client_of(dev_server, FIRST), client_of(dev_server, SECOND)
    mine = first.create_room(name="shared-name", tags={"a": "b"})
    theirs = second.create_room(name="shared-name")
    assert mine["arn"] == harness.room_arn(mine["id"], account=FIRST)
    assert theirs["arn"] == harness.room_arn(theirs["id"], account=SECOND)

    assert [r["arn"] for r in first.list_rooms(name="shared-name")["rooms"]] == [mine["arn"]]
    assert [r["arn"] for r in second.list_rooms(name="shared-name")["rooms"]] == [theirs["arn"]]
    denied = second.exceptions.AccessDeniedException
    with pytest.raises(denied):
        second.get_room(identifier=mine["arn"])
    with pytest.raises(denied):
        second.delete_room(identifier=mine["arn"])
    with pytest.raises(denied):
        second.create_chat_token(roomIdentifier=mine["arn"], userId="eve")
    with pytest.raises(denied):
        second.list_tags_for_resource(resourceArn=mine["arn"])
    # The other account's id under one's own account is nothing at all.
    with pytest.raises(second.exceptions.ResourceNotFoundException):
        second.get_room(identifier=harness.room_arn(mine["id"], account=SECOND))
    assert harness.members(first.get_room(identifier=mine["arn"])) == harness.members(mine)


def test_a_page_token_of_another_account_is_refused(dev_server: harness.Server) -> None:
    first, second = client_of(dev_server, FIRST), client_of(dev_server, SECOND)
    for _ in range(2):
        first.create_room(name="paged")
        second.create_room(name="paged")
    token = first.list_rooms(name="paged", maxResults=1)["nextToken"]
    with pytest.raises(second.exceptions.ValidationException):
        second.list_rooms(name="paged", maxResults=1, nextToken=token)


def test_quotas_are_counted_by_account(dev_server: harness.Server) -> None:
    accounts = [client_of(dev_server, account) for account in (FIRST, SECOND)]
    for client in accounts:
        for _ in range(10):
            client.create_logging_configuration(
                destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
            )
        with pytest.raises(client.exceptions.ServiceQuotaExceededException):
            client.create_logging_configuration(
                destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
            )


def test_regions_do_not_see_each_other(dev_server: harness.Server) -> None:
    here, there = client_of(dev_server, FIRST), client_of(dev_server, FIRST, "eu-west-1")
    room = there.create_room(name="european")
    assert room["arn"] == harness.room_arn(room["id"], account=FIRST, region="eu-west-1")
    assert here.list_rooms(name="european")["rooms"] == []
    with pytest.raises(here.exceptions.ResourceNotFoundException):
        here.get_room(identifier=room["arn"])


def test_dev_takes_test_and_test_and_has_a_lobby(dev_server: harness.Server) -> None:
    client = dev_server.client(key="test", secret="test", region=DEFAULT_REGION)
    (lobby,) = client.list_rooms(name="lobby")["rooms"]
    want = harness.room_arn(lobby["id"], account=DEFAULT_ACCOUNT, region=DEFAULT_REGION)
    assert lobby["arn"] == want
    assert client.create_chat_token(roomIdentifier=lobby["arn"], userId="alice")["token"]


def test_who_am_i_in_dev(dev_server: harness.Server) -> None:
    for key, account in ((FIRST, FIRST), (SECOND, SECOND), ("test", DEFAULT_ACCOUNT)):
        identity = harness.sts(dev_server.endpoint, key=key, secret="x").get_caller_identity()
        assert identity["Account"] == account


def test_who_am_i(server: harness.Server) -> None:
    identity = harness.sts(server.endpoint).get_caller_identity()
    assert set(harness.members(identity)) == {"UserId", "Account", "Arn"}
    assert identity["Account"] == harness.ACCOUNT
    assert identity["Arn"].startswith(f"arn:aws:iam::{harness.ACCOUNT}:")
    assert identity["UserId"]
    assert identity["ResponseMetadata"]["RequestId"]


def test_who_am_i_needs_a_good_signature(server: harness.Server) -> None:
    with pytest.raises(ClientError) as error:
        harness.sts(server.endpoint, secret="wrong").get_caller_identity()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_account_of_the_server_is_a_setting(serve: Callable[..., harness.Server]) -> None:
    running = serve(account="998877665544")
    room = running.client().create_room()
    assert room["arn"] == harness.room_arn(room["id"], account="998877665544")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IVSCHAT"])
def test_the_endpoint_comes_from_the_environment(
    server: harness.Server, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The way to point a program at Parley without touching it."""
    monkeypatch.setenv(variable, server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", harness.ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", harness.SECRET_ACCESS_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", harness.REGION)
    client = boto3.session.Session().client("ivschat")
    arn = client.create_room(name="unmodified")["arn"]
    assert client.get_room(identifier=arn)["name"] == "unmodified"
