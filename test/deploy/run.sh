#!/usr/bin/env bash
# Tests the files of deploy/ with the programs that read them. Arguments go to
# go test. What it builds stays under .cache/ at the repository's root.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Without the programs there is nothing to test: loud for a person, an error in CI.
cannot() {
	echo "test/deploy: SKIPPED: $1" >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
}

have() { PATH=$PATH:/usr/sbin command -v "$1" >/dev/null; }
for pair in nginx:nginx-light haproxy:haproxy systemd-analyze:systemd; do
	have "${pair%%:*}" || "$root/test/apt.sh" "${pair#*:}" || cannot "no ${pair%%:*}"
done
bin=$root/.cache/deploy
mkdir -p "$bin"
helm=$("$root/test/gotool.sh" helm.sh/helm/v3/cmd/helm v3.21.4 helm) || cannot "helm cannot be built"
nats=$("$root/test/gotool.sh" github.com/nats-io/nats-server/v2 v2.15.2 nats-server) || cannot "nats-server cannot be built"

cd "$root"
go build -o "$bin/parley" ./cmd/parley
export TEST_PARLEY_BINARY=$bin/parley TEST_NATS_SERVER=$nats PATH=$(dirname "$helm"):$PATH:/usr/sbin
go vet -tags deploy ./test/deploy
go test -count 1 -tags deploy "$@" ./test/deploy
