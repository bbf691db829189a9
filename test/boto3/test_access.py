"""Access keys that `parley keys` makes beside the server, their policies and sessions."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import harness
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from types_boto3_ivschat.client import IvschatClient

READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ivschat:Get*", "ivschat:List*"], "Resource": "*"}],
}


def parley(data: Path, *arguments: str) -> dict[str, Any]:
    """Runs a command of `parley keys`; what it prints with --json."""
    done = subprocess.run(
        [harness.binary(), "keys", *arguments, "--data", str(data)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.stdout else {}


def as_soon_as_known(call: Callable[[], object]) -> None:
    """Within a second the server knows what a command changed."""
    deadline = time.monotonic() + 10
    while True:
        try:
            call()
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnrecognizedClientException" or time.monotonic() > deadline:
                raise
        else:
            return


def client_of(server: harness.Server, made: dict[str, Any]) -> IvschatClient:
    return server.client(
        key=made["accessKeyId"],
        secret=made["secretAccessKey"],
        session_token=made.get("sessionToken"),
        config=harness.ONCE,
    )


def test_a_key_may_do_what_its_policy_allows(
    tmp_path: Path, serve: Callable[..., harness.Server]
) -> None:
    server = serve()
    room = server.client().create_room(name="seen")
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(READ_ONLY))
    data = tmp_path / "data"
    made = parley(
        data, "create", "--json", "--account", harness.ACCOUNT, "--name", "ana", "--policy", str(policy)
    )
    client = client_of(server, made)
    as_soon_as_known(client.list_rooms)
    assert client.get_room(identifier=room["arn"])["name"] == "seen"
    with pytest.raises(client.exceptions.AccessDeniedException) as denied:
        client.delete_room(identifier=room["arn"])
    assert denied.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::{harness.ACCOUNT}:user/ana is not authorized to perform: "
        f"ivschat:DeleteRoom on resource: {room['arn']} because no identity-based policy "
        "allows the ivschat:DeleteRoom action"
    )

    session = client_of(server, parley(data, "session", made["accessKeyId"], "--json"))
    as_soon_as_known(session.list_rooms)
    with pytest.raises(session.exceptions.AccessDeniedException):
        session.create_room()
    assert session.get_room(identifier=room["arn"])["arn"] == room["arn"]
