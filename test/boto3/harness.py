"""The real server as a process, and real boto3 clients for it.

Nothing here knows how the server works: it is started as a user starts it, and
talked to over its socket.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import ClientError
    from types_boto3_ivschat.client import IvschatClient
    from types_boto3_ivschat.type_defs import CreateLoggingConfigurationResponseTypeDef
    from types_boto3_sts.client import STSClient

REGION = "us-east-1"
ACCOUNT = "123456789012"
ACCESS_KEY_ID = "PARLEYBOTO3TESTKEY01"
SECRET_ACCESS_KEY = "a+secret/that.must_never-show=in~logs"

# The client's methods, one per operation.
METHODS = [
    "create_chat_token",
    "create_logging_configuration",
    "create_room",
    "delete_logging_configuration",
    "delete_message",
    "delete_room",
    "disconnect_user",
    "get_logging_configuration",
    "get_room",
    "list_logging_configurations",
    "list_rooms",
    "list_tags_for_resource",
    "send_event",
    "tag_resource",
    "untag_resource",
    "update_logging_configuration",
    "update_room",
]

READY = re.compile(r"^parley ready (http://127\.0\.0\.1:\d+)$")
START_SECONDS = 30
STOP_SECONDS = 30

# One attempt: what the server answers first is what the test sees.
ONCE = Config(retries={"total_max_attempts": 1})


class Server:
    """One running `parley` process."""

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [binary(), *arguments, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**without_settings(os.environ), **environment},
            )
        self._drain: threading.Thread | None = None
        self._reaped = False
        self.endpoint = self._await_ready()

    def _await_ready(self) -> str:
        # The pipe ends with the process, so killing it unblocks the reader.
        deadline = threading.Timer(START_SECONDS, self._process.kill)
        deadline.start()
        try:
            stdout = cast("IO[str]", self._process.stdout)
            for line in stdout:
                if match := READY.match(line.rstrip("\n")):
                    self._drain = threading.Thread(target=stdout.read)
                    self._drain.start()
                    return match.group(1)
        finally:
            deadline.cancel()
        self._process.kill()
        self._reap()
        raise AssertionError(f"the server never said it was ready; its log:\n{self.log_text()}")

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """kill -9: the process gets no chance to tidy up."""
        self._process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """SIGTERM, and the orderly end that must follow; nothing to do if it has ended before."""
        if self._reaped:
            return
        died = self._process.poll()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()
        assert died is None, f"the server ended by itself with {died}:\n{self.log_text()}"
        code = self._process.returncode
        assert code == 0, f"after SIGTERM the server ended with {code}:\n{self.log_text()}"

    def _reap(self) -> None:
        self._process.wait(STOP_SECONDS)
        if self._drain is not None:
            self._drain.join()
        cast("IO[str]", self._process.stdout).close()
        self._reaped = True

    def client(self, **options: Any) -> IvschatClient:
        return ivschat(self.endpoint, **options)


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The server reads every PARLEY_ variable as a setting: none may come from outside."""
    return {name: value for name, value in environment.items() if not name.startswith("PARLEY_")}


def binary() -> str:
    path = os.environ.get("TEST_PARLEY_BINARY")
    if not path:
        raise AssertionError("TEST_PARLEY_BINARY is not set: start the suite with test/boto3/run.sh")
    return path


def serve(data: Path, *arguments: str, account: str = ACCOUNT) -> Server:
    """Starts the verifying server over a data directory."""
    data.mkdir(exist_ok=True)
    return Server(
        ["serve", "--data", str(data), *arguments],
        data.parent / f"{data.name}.log",
        {
            "PARLEY_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "PARLEY_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "PARLEY_ACCOUNT_ID": account,
            "PARLEY_REVIEW_UNRESOLVED": "accept",  # rooms get handlers that are nowhere
        },
    )


def dev(directory: Path) -> Server:
    """Starts the in-memory server that takes any credentials."""
    return Server(["dev"], directory / "dev.log", {})


def ivschat(
    endpoint: str,
    *,
    key: str = ACCESS_KEY_ID,
    secret: str = SECRET_ACCESS_KEY,
    session_token: str | None = None,
    region: str = REGION,
    config: Config | None = None,
) -> IvschatClient:
    # A session of its own: the default one would share its event hooks among tests.
    return boto3.session.Session().client(
        "ivschat",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=session_token,
        config=config,
    )


def sts(endpoint: str, *, key: str = ACCESS_KEY_ID, secret: str = SECRET_ACCESS_KEY) -> STSClient:
    return boto3.session.Session().client(
        "sts",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def room_arn(room_id: str = "abcdABCDefgh", *, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:ivschat:{region}:{account}:room/{room_id}"


def logging_arn(configuration_id: str = "abcdABCDefgh", *, account: str = ACCOUNT) -> str:
    return f"arn:aws:ivschat:{REGION}:{account}:logging-configuration/{configuration_id}"


def members(output: Mapping[str, Any]) -> dict[str, Any]:
    """An output as the service sent it, without what botocore adds."""
    return {name: value for name, value in output.items() if name != "ResponseMetadata"}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A ClientError taken apart."""

    status: int
    code: str
    message: str
    attempts: int
    members: dict[str, Any]  # what the model lists for the exception


def refusal(error: ClientError) -> Refusal:
    response = cast("dict[str, Any]", error.response)
    metadata = response["ResponseMetadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["RequestId"])
    return Refusal(
        status=metadata["HTTPStatusCode"],
        code=response["Error"]["Code"],
        message=response["Error"]["Message"],
        attempts=metadata["RetryAttempts"] + 1,
        members={k: v for k, v in response.items() if k not in ("Error", "ResponseMetadata")},
    )


class MakeLoggingConfiguration(Protocol):
    """What the fixture logging_configuration gives."""

    def __call__(self, name: str = "fixture") -> CreateLoggingConfigurationResponseTypeDef: ...


class Sent:
    """Counts the requests a client really puts on the wire."""

    def __init__(self, client: IvschatClient) -> None:
        self.count = 0
        client.meta.events.register("before-send.ivschat", self._sent)

    def _sent(self, **_: Any) -> None:
        self.count += 1


class Wire:
    """Keeps the last response's body as it came, before botocore parses it."""

    def __init__(self, client: IvschatClient) -> None:
        self.body = b""
        client.meta.events.register("before-parse.ivschat", self._received)

    def _received(self, response_dict: dict[str, Any], **_: Any) -> None:
        self.body = response_dict["body"]
