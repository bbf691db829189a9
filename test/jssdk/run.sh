#!/bin/sh
# Drives the server with the published JavaScript clients. Installs what it needs.
# What cannot be had is named and skipped; with CI=true that is a failure.
set -eu

cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

missing() {
	echo "test/jssdk: $1" >&2
	if [ "${CI:-}" = true ]; then
		exit 1
	fi
}

for tool in go node npm; do
	if ! command -v "$tool" >/dev/null; then
		missing "SKIPPED: $tool is not installed"
		exit 0
	fi
done

# A global WebSocket is what the SDK expects of its host; Node 22 has it without a flag.
flag=
case $(node -p 'process.versions.node.split(".")[0]') in
20 | 21) flag=--experimental-websocket ;;
1? | ?)
	missing "SKIPPED: Node 20 or later is needed, this is $(node --version)"
	exit 0
	;;
esac

mkdir -p .build
if ! npm ci --no-audit --no-fund --loglevel=error >.build/npm.log 2>&1; then
	cat .build/npm.log >&2
	missing "SKIPPED: npm ci failed"
	exit 0
fi

find_chromium() {
	command -v chromium || command -v chromium-browser || command -v google-chrome || true
}

PARLEY_CHROMIUM=${PARLEY_CHROMIUM:-$(find_chromium)}
if [ -z "$PARLEY_CHROMIUM" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >.build/apt.log 2>&1; then
		tail -n 5 .build/apt.log >&2
	fi
	PARLEY_CHROMIUM=$(find_chromium)
fi
if [ -z "$PARLEY_CHROMIUM" ]; then
	missing "SKIPPED in part: no Chromium, the messaging SDK runs in Node only"
fi
export PARLEY_CHROMIUM

if [ -z "${PARLEY_BINARY:-}" ]; then
	PARLEY_BINARY=$PWD/.build/parley
	(cd "$root" && go build -o "$PARLEY_BINARY" ./cmd/parley)
fi
export PARLEY_BINARY

if [ $# -eq 0 ]; then
	set -- control.test.js messaging.test.js lifetime.test.js
fi
exec node $flag --test --test-reporter=spec "$@"
