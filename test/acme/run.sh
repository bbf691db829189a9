#!/usr/bin/env bash
# Runs `parley serve --acme-domain` against Pebble, an ACME authority for tests.
# Arguments go to go test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Without the authority there is nothing to test: loud for a person, an error in CI.
if ! go mod download; then
	echo "test/acme: SKIPPED: the modules of Pebble cannot be had (is there a network?)" >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
fi
go vet .
go test -race -count 1 "$@" .
