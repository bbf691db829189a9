#!/usr/bin/env bash
# Runs the chat log destinations against moto, a server of S3, CloudWatch Logs and
# Firehose that others wrote. Arguments go to go test.
# What it installs stays under .cache/ at the repository's root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/.cache/chatlog/venv
python=${PYTHON:-python3}

# Without the server there is nothing to test: loud for a person, an error in CI.
cannot() {
	echo "test/chatlog: SKIPPED: $1" >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
}

command -v "$python" >/dev/null || "$root/test/apt.sh" python3 || cannot "no $python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || cannot "$python is older than 3.11"
stamp=$venv/requirements.txt
if ! cmp -s "$here/requirements.txt" "$stamp"; then
	"$python" -m venv --clear "$venv" ||
		{ "$root/test/apt.sh" python3-venv && "$python" -m venv --clear "$venv"; } ||
		cannot "$python cannot make a virtual environment"
	"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
		cannot "the packages of requirements.txt cannot be installed (is there a network?)"
	cp "$here/requirements.txt" "$stamp"
fi

export TEST_AWS_PYTHON=$venv/bin/python TEST_AWS_SERVE=$here/serve.py
cd "$root"
go vet -tags awsserver ./test/chatlog
go test -race -count 1 -tags awsserver "$@" ./test/chatlog
