#!/usr/bin/env bash
# Builds a Go program at a version, once, and prints where it is.
#   test/gotool.sh github.com/nats-io/nats-server/v2 v2.15.2 nats-server
set -euo pipefail
bin=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.cache/tools
if [ "$(cat "$bin/$3.version" 2>/dev/null)" != "$2" ]; then
	GOBIN=$bin go install "$1@$2" >&2
	echo "$2" >"$bin/$3.version"
fi
echo "$bin/$3"
