#!/bin/sh
# Gets the servers to compare with, builds Parley from the checkout, and runs the
# comparison: arguments go to it (--help). All of it stays below .build.
# What cannot be had is named and left out; with CI=true that is a failure.
set -eu

cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
build=$PWD/.build
mkdir -p "$build"

centrifugo=v5.4.9
nats=v2.15.2
bun=1.4.5

missing() {
	echo "bench/peers: LEFT OUT: $1; see $build/$2.log" >&2
	if [ "${CI:-}" = true ]; then
		exit 1
	fi
}

# get NAME VERSION COMMAND: once for each version.
get() {
	stamp=$build/$1.version
	if [ -x "$build/$1" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$2" ]; then
		return 0
	fi
	echo "bench/peers: getting $1 $2" >&2
	rm -f "$stamp"
	if ("$3" "$2") >"$build/$1.log" 2>&1; then
		echo "$2" >"$stamp"
	else
		missing "$1 $2" "$1"
	fi
}

# A module of its own: go install would ask for a list of versions, which not every proxy has.
get_centrifugo() {
	mkdir -p "$build/centrifugo.mod" && cd "$build/centrifugo.mod" || return 1
	rm -f go.mod go.sum
	go mod init build && go mod edit -require "github.com/centrifugal/centrifugo/v5@$1" &&
		go build -mod=mod -o ../centrifugo github.com/centrifugal/centrifugo/v5
}

get_nats() { GOBIN=$build go install "github.com/nats-io/nats-server/v2@$1"; }

get_bun() {
	npm install --no-audit --no-fund --loglevel=error --prefix "$build/bun.npm" "bun@$1" &&
		cp -L "$build/bun.npm/node_modules/.bin/bun" "$build/bun" && "$build/bun" --version
}

get centrifugo "$centrifugo" get_centrifugo
get nats-server "$nats" get_nats
get bun "$bun" get_bun

cd "$root"
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$build/parley" ./cmd/parley
go build -o "$build/peers" ./bench/peers
ulimit -n "$(ulimit -H -n)" 2>/dev/null || true # one descriptor for each connection
exec "$build/peers" --build "$build" "$@"
