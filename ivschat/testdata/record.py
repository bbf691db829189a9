"""Records what botocore signs for every operation, as botocore.json.

Run it with boto3 installed: python3 record.py. The clock stands at the first
moment of the year 2000, where testing/synctest's stands too.
"""

import datetime
import json
import pathlib
from unittest import mock

import boto3
import botocore.auth
import botocore.awsrequest

NOW = datetime.datetime(2000, 1, 1)
ENDPOINT = "http://127.0.0.1:7878"
REGION = "us-west-2"
KEYS = {
    "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
ROOM = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
CONFIG = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/ABcdef34ghIJ"
OTHER = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/0Bcdef34ghIJ"
HANDLER = "arn:aws:lambda:us-west-2:123456789012:function:review"

# Members are in the order of the Go structs, map keys sorted: then the bodies
# are equal byte by byte, and so are the signatures.
CASES = [
    ("CreateChatToken", {"roomIdentifier": ROOM, "userId": "it's \"me\" \\ é\n\u200b\U0001f600",
                         "capabilities": ["SEND_MESSAGE", "DELETE_MESSAGE"], "sessionDurationInMinutes": 180,
                         "attributes": {"a'b": "it's", "c": 'say "hi"', "d": "both ' and \"", "e": "tab\tline\r\n\\",
                                        "é": "\x01\x7f\xa0ÿ€\u2028\ufeff\U0001f600\U000e0001"}}),
    ("CreateChatToken", {"roomIdentifier": ROOM, "userId": "u", "attributes": {}}),
    ("CreateLoggingConfiguration", {"name": "n", "destinationConfiguration": {"s3": {"bucketName": "a.bucket-1"}},
                                    "tags": {"a b": "c/d", "e": ""}}),
    ("CreateLoggingConfiguration", {"destinationConfiguration": {"cloudWatchLogs": {"logGroupName": "/g/a.b_c#d"}}}),
    ("CreateRoom", {}),
    ("CreateRoom", {"name": "", "maximumMessageRatePerSecond": 100, "maximumMessageLength": 1,
                    "messageReviewHandler": {"uri": HANDLER, "fallbackResult": "DENY"}, "tags": {"k": "v"},
                    "loggingConfigurationIdentifiers": [CONFIG, OTHER]}),
    ("DeleteLoggingConfiguration", {"identifier": CONFIG}),
    ("DeleteMessage", {"roomIdentifier": ROOM, "id": "WhO6MW6iRdS5", "reason": "a + b = c & d? 100%"}),
    ("DeleteRoom", {"identifier": ROOM}),
    ("DisconnectUser", {"roomIdentifier": ROOM, "userId": "u ~*'()!", "reason": "r"}),
    ("GetLoggingConfiguration", {"identifier": CONFIG}),
    ("GetRoom", {"identifier": ROOM}),
    ("ListLoggingConfigurations", {"nextToken": "", "maxResults": 50}),
    ("ListRooms", {}),
    ("ListRooms", {"name": "n", "nextToken": "a+b/c==", "maxResults": 1, "messageReviewHandlerUri": HANDLER,
                   "loggingConfigurationIdentifier": CONFIG}),
    ("ListTagsForResource", {"resourceArn": ROOM}),
    ("SendEvent", {"roomIdentifier": ROOM, "eventName": "e", "attributes": {"k": "v"}}),
    ("TagResource", {"resourceArn": CONFIG, "tags": {"a+b": "c=d", "é": "ü"}}),
    ("UntagResource", {"resourceArn": ROOM, "tagKeys": ["a b+é"]}),
    ("UpdateLoggingConfiguration", {"identifier": CONFIG, "name": "",
                                    "destinationConfiguration": {"firehose": {"deliveryStreamName": "s"}}}),
    ("UpdateRoom", {"identifier": ROOM, "name": "n", "messageReviewHandler": {"uri": ""}}),
]


def signed(client, operation, members, keys):
    """Signs the request as the Go client sends it: content-length counts, the body has no spaces."""
    model = client.meta.service_model.operation_model(operation)
    prepared = client._convert_to_request_dict(members, model, ENDPOINT, {})
    body = prepared["body"].decode() if prepared["body"] else ""
    headers = {}
    if body:
        body = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
    request = botocore.awsrequest.AWSRequest(
        method=prepared["method"], url=prepared["url"], headers=headers, data=body.encode())
    credentials = boto3.Session(**keys).get_credentials().get_frozen_credentials()
    botocore.auth.SigV4Auth(credentials, "ivschat", REGION).add_auth(request)
    return {"method": request.method, "url": request.url, "body": body,
            "authorization": request.headers["Authorization"]}


def main():
    recorded = []
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: NOW):
        for i, (operation, members) in enumerate(CASES):
            keys = dict(KEYS)
            if i % 2:
                keys["aws_session_token"] = "session/token+="
            client = boto3.client("ivschat", region_name=REGION, endpoint_url=ENDPOINT, **keys)
            python_name = next(p for p, o in client.meta.method_to_api_mapping.items() if o == operation)
            recorded.append({
                "operation": operation, "python": python_name, "input": members,
                "token": keys.get("aws_session_token", ""),
                "request": signed(client, operation, members, keys),
                "presigned": client.generate_presigned_url(python_name, Params=members, ExpiresIn=600),
            })
    out = pathlib.Path(__file__).with_name("botocore.json")
    out.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


main()
