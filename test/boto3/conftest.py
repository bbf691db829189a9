"""Fixtures: a server for each test file, clients for it, and resources that go away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import (
        CreateLoggingConfigurationResponseTypeDef,
        CreateRoomResponseTypeDef,
    )


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keeps the machine's own AWS settings and proxies out of the clients."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "BOTO_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    running = harness.serve(tmp_path_factory.mktemp("parley") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    running = harness.dev(tmp_path_factory.mktemp("parley"))
    yield running
    running.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., harness.Server]]:
    """Starts servers that one test has to itself; all share the test's data directory."""
    started: list[harness.Server] = []

    def start(*arguments: str, account: str = harness.ACCOUNT) -> harness.Server:
        started.append(harness.serve(tmp_path / "data", *arguments, account=account))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def client(server: harness.Server) -> IvschatClient:
    return server.client()


@pytest.fixture
def room(client: IvschatClient) -> CreateRoomResponseTypeDef:
    return client.create_room(name="fixture")


@pytest.fixture
def logging_configuration(client: IvschatClient) -> Iterator[harness.MakeLoggingConfiguration]:
    """Makes logging configurations and removes them: an account has no more than ten."""
    made: list[str] = []

    def make(name: str = "fixture") -> CreateLoggingConfigurationResponseTypeDef:
        output = client.create_logging_configuration(
            name=name, destinationConfiguration={"s3": {"bucketName": "chat-logs"}}
        )
        made.append(output["arn"])
        return output

    yield make
    for arn in made:
        if not exists(client, arn):
            continue
        for attached in client.list_rooms(loggingConfigurationIdentifier=arn)["rooms"]:
            client.update_room(identifier=attached["arn"], loggingConfigurationIdentifiers=[])
        client.delete_logging_configuration(identifier=arn)


def exists(client: IvschatClient, arn: str) -> bool:
    try:
        client.get_logging_configuration(identifier=arn)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True
