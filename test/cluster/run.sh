#!/usr/bin/env bash
# Runs the tests of a cluster: Parley nodes, NATS servers and PostgreSQL as
# processes on loopback. Arguments go to go test; -chaos first runs test/chaos.
# What it builds stays under .cache/ at the repository's root.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Without the servers there is nothing to test: loud for a person, an error in CI.
cannot() {
	echo "test/cluster: SKIPPED: $1" >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
}

package=./test/cluster
also=./internal/roomlog/natslog
if [ "${1:-}" = -chaos ]; then
	package=./test/chaos
	also=
	shift
fi
export PATH=$PATH:/usr/lib/postgresql/15/bin:/usr/lib/postgresql/17/bin
command -v pg_config >/dev/null && command -v initdb >/dev/null ||
	"$root/test/apt.sh" postgresql libpq-dev || cannot "no PostgreSQL"
bin=$root/.cache/cluster
nats=$("$root/test/gotool.sh" github.com/nats-io/nats-server/v2 v2.15.2 nats-server) || cannot "nats-server cannot be built"
mkdir -p "$bin"

# The official JavaScript SDK, as test/jssdk installs it.
if command -v node >/dev/null && command -v npm >/dev/null && (cd "$root/test/jssdk" && npm ci --no-audit --no-fund --loglevel=error >/dev/null); then
	export TEST_JSSDK=$root/test/jssdk
	case $(node -p 'process.versions.node.split(".")[0]') in
	20 | 21) export NODE_OPTIONS=--experimental-websocket ;;
	esac
fi

cd "$root"
go build -o "$bin/parley" ./cmd/parley
export TEST_PARLEY_BINARY=$bin/parley TEST_NATS_SERVER=$nats
go vet -tags cluster "$package"
# Two thousand sessions leave no room for the race detector.
race=-race
if [ "$package" = ./test/chaos ]; then race=; fi
go test $race -p 1 -count 1 -timeout 90m -tags cluster "$@" "$package" $also
