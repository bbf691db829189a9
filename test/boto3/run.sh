#!/usr/bin/env bash
# Runs the boto3 suite against the server built from this checkout: pytest, then
# mypy --strict over the tests themselves. Arguments go to pytest.
# What it installs and builds stays under .cache/ at the repository's root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/.cache/boto3/venv
python=${PYTHON:-python3}

# Without the client there is nothing to test: loud for a person, an error in CI.
cannot() {
	echo "test/boto3: SKIPPED: $1" >&2
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

export TEST_PARLEY_BINARY=$root/.cache/boto3/parley
(cd "$root" && go build -o "$TEST_PARLEY_BINARY" ./cmd/parley)

cd "$here"
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/mypy" --cache-dir="$root/.cache/boto3/mypy"
"$venv/bin/pytest" "$@"
