#!/usr/bin/env bash
# The everyday commands of the AWS CLI against a running server, each answer checked.
# run.sh starts the server and sets the environment.
set -Eeuo pipefail

account=123456789012
step=start
trap 'echo "commands.sh: failed at: $step" >&2' ERR

is() { # what it is about, what came, what was wanted
	step="$1: got '$2', want '$3'"
	[ "$2" = "$3" ]
}

like() { # what it is about, what came, an extended regular expression
	step="$1: got '$2', want $3"
	[[ "$2" =~ ^$3$ ]]
}

refused() { # error name, command...
	local name=$1 output
	shift
	step="$*: want $name"
	if output=$("$@" 2>&1); then return 1; fi
	step="$step, got $output"
	[[ "$output" == *"($name)"* ]]
}

chat() {
	step="aws ivschat $*"
	aws ivschat "$@"
}

step="aws sts get-caller-identity"
is "who am I" "$(aws sts get-caller-identity --query Account --output text)" $account

arn=$(chat create-room --name cli --maximum-message-length 100 --tags env=test,team=live \
	--query arn --output text)
like "room ARN" "$arn" "arn:aws:ivschat:us-east-1:$account:room/[a-zA-Z0-9]{12}"
is "get-room" "$(chat get-room --identifier "$arn" \
	--query '[name, maximumMessageLength, maximumMessageRatePerSecond, tags.team]' --output text)" \
	"$(printf 'cli\t100\t10\tlive')"

is "update-room" "$(chat update-room --identifier "$arn" --name cli-renamed \
	--message-review-handler "uri=arn:aws:lambda:us-east-1:$account:function:review,fallbackResult=DENY" \
	--query '[name, messageReviewHandler.fallbackResult]' --output text)" \
	"$(printf 'cli-renamed\tDENY')"

token=$(chat create-chat-token --room-identifier "$arn" --user-id alice \
	--capabilities SEND_MESSAGE DELETE_MESSAGE --attributes displayName=Alice --query token --output text)
like "chat token" "$token" '[A-Za-z0-9._-]{40,4096}'

like "send-event" "$(chat send-event --room-identifier "$arn" --event-name app:poll \
	--attributes question=now --query id --output text)" '[a-zA-Z0-9]{12}'
like "delete-message" "$(chat delete-message --room-identifier "$arn" --id AYk6xKitV4On \
	--reason spam --query id --output text)" '[a-zA-Z0-9]{12}'
output=$(chat disconnect-user --room-identifier "$arn" --user-id alice --reason rude)
is "disconnect-user" "$output" ""

is "list-rooms by name" \
	"$(chat list-rooms --name cli-renamed --query 'rooms[].arn' --output text)" "$arn"
is "list-rooms" "$(chat list-rooms --query 'length(rooms)' --output text)" 1
is "list-rooms, empty token" \
	"$(chat list-rooms --next-token '' --query 'length(rooms)' --output text)" 1

chat tag-resource --resource-arn "$arn" --tags '{"größe":"très grand","env":"prod"}'
is "tags" "$(chat list-tags-for-resource --resource-arn "$arn" \
	--query 'tags.[env, team, "größe"]' --output text)" "$(printf 'prod\tlive\ttrès grand')"
chat untag-resource --resource-arn "$arn" --tag-keys größe team
is "tags after untag-resource" \
	"$(chat list-tags-for-resource --resource-arn "$arn" --query 'keys(tags)' --output text)" env

logs=$(chat create-logging-configuration --name cli \
	--destination-configuration s3={bucketName=chat-logs} --query arn --output text)
like "logging configuration ARN" "$logs" \
	"arn:aws:ivschat:us-east-1:$account:logging-configuration/[a-zA-Z0-9]{12}"
is "attach" "$(chat update-room --identifier "$arn" --logging-configuration-identifiers "$logs" \
	--query 'loggingConfigurationIdentifiers' --output text)" "$logs"
refused ConflictException aws ivschat delete-logging-configuration --identifier "$logs"
is "update-logging-configuration" "$(chat update-logging-configuration --identifier "$logs" \
	--destination-configuration firehose={deliveryStreamName=stream} \
	--query '[state, destinationConfiguration.firehose.deliveryStreamName]' --output text)" \
	"$(printf 'ACTIVE\tstream')"
is "get-logging-configuration" \
	"$(chat get-logging-configuration --identifier "$logs" --query name --output text)" cli
is "list-logging-configurations" "$(chat list-logging-configurations \
	--query 'loggingConfigurations[].arn' --output text)" "$logs"

output=$(chat delete-room --identifier "$arn")
is "delete-room" "$output" ""
output=$(chat delete-logging-configuration --identifier "$logs")
is "delete-logging-configuration" "$output" ""
refused ResourceNotFoundException aws ivschat get-room --identifier "$arn"
refused ValidationException aws ivschat create-room --name 'not a name'
refused AccessDeniedException aws ivschat get-room \
	--identifier arn:aws:ivschat:us-east-1:999999999999:room/abcdABCDefgh
AWS_SECRET_ACCESS_KEY=wrong refused InvalidSignatureException aws ivschat list-rooms
