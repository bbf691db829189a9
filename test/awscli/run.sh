#!/usr/bin/env bash
# Runs the README's quickstart as a reader would paste it, then commands.sh, with a
# pinned AWS CLI first on the PATH.
#
# The quickstart is the fenced blocks between `<!-- quickstart:begin -->` and
# `<!-- quickstart:end -->` in README.md. One block starts its own server. Of several,
# the first is one terminal, whose last line is the server; the rest are pasted into
# another one once the server has said that it is ready.
#
# Both terminals are in a copy of the checkout, so nothing it leaves behind stays.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache/awscli
venv=$cache/venv
python=${PYTHON:-python3}
ready_seconds=120
paste_seconds=600 # with the time to compile

cannot() {
	echo "test/awscli: SKIPPED: $1" >&2
	if [ "${CI:-}" = true ]; then exit 1; fi
	exit 0
}

fail() {
	echo "test/awscli: FAILED: $1" >&2
	exit 1
}

install() {
	command -v "$python" >/dev/null || "$root/test/apt.sh" python3 || cannot "no $python"
	cmp -s "$here/requirements.txt" "$venv/requirements.txt" && return
	"$python" -m venv --clear "$venv" ||
		{ "$root/test/apt.sh" python3-venv && "$python" -m venv --clear "$venv"; } ||
		cannot "$python cannot make a virtual environment"
	"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
		cannot "the packages of requirements.txt cannot be installed (is there a network?)"
	cp "$here/requirements.txt" "$venv/requirements.txt"
}

# Nothing of this machine's own AWS settings, nor a proxy, may help or hinder.
isolate() {
	local name
	for name in $(compgen -e | grep -iE '^(AWS_|PARLEY_)|_proxy$' || true); do unset "$name"; done
	export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
	export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=
}

groups=()
stop() {
	local group
	for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
	for group in "${groups[@]}"; do wait "$group" 2>/dev/null || true; done
}

# In a process group of its own, so that `go run`'s child is stopped with it.
background() {
	set -m
	"$@" </dev/null &
	groups+=($!)
	set +m
}

await_ready() { # log
	local waited=0
	until grep -q '^parley ready http' "$1"; do
		if ! kill -0 "${groups[-1]}" 2>/dev/null || [ $((waited += 1)) -gt $((ready_seconds * 5)) ]; then
			cat "$1" >&2
			fail "the server did not become ready"
		fi
		sleep 0.2
	done
}

# Writes each fenced block of the quickstart to $1/block.N; prints how many there are.
extract() {
	awk -v dir="$1" '
		/^<!-- quickstart:begin -->[ \t\r]*$/ { inside = 1; next }
		/^<!-- quickstart:end -->[ \t\r]*$/   { inside = 0 }
		!inside { next }
		/^```/ { open = !open; if (open) n++; next }
		open { print > (dir "/block." n) }
		END { print n + 0 }
	' "$root/README.md"
}

quickstart() {
	local blocks=$scratch/blocks copy=$scratch/checkout count i
	mkdir "$blocks" "$copy"
	[ -f "$root/README.md" ] || fail "there is no README.md"
	count=$(extract "$blocks")
	[ "$count" -gt 0 ] || fail "README.md has no fenced block between the quickstart markers"
	tar -C "$root" --exclude=./.git --exclude=./.cache --exclude=./parley-data \
		--exclude=node_modules -cf - . | tar -C "$copy" -xf -

	local pasted=$scratch/pasted
	if [ "$count" -eq 1 ]; then
		cp "$blocks/block.1" "$pasted"
	else
		background bash -euc "cd '$copy'; . '$blocks/block.1'" >"$scratch/terminal1" 2>&1
		await_ready "$scratch/terminal1"
		for ((i = 2; i <= count; i++)); do cat "$blocks/block.$i"; done >"$pasted"
	fi
	cat "$pasted"
	echo "---"
	background timeout "$paste_seconds" bash -euc "cd '$copy'; . '$pasted'" >"$scratch/terminal2" 2>&1
	if ! wait "${groups[-1]}"; then
		cat "$scratch/terminal2" >&2
		[ ! -f "$scratch/terminal1" ] || cat "$scratch/terminal1" >&2
		fail "the README's quickstart"
	fi
	cat "$scratch/terminal2"
	echo "test/awscli: PASS: the README's quickstart"
}

commands() {
	local log=$scratch/serve.log
	export PARLEY_ACCESS_KEY_ID=PARLEYAWSCLITESTKEY1 PARLEY_SECRET_ACCESS_KEY=test-awscli-secret
	export PARLEY_ACCOUNT_ID=123456789012
	touch "$log"
	background "$cache/parley" serve --data "$scratch/data" --listen 127.0.0.1:0 \
		--review-handlers 'arn:aws:lambda:*:function:review=builtin:links' >"$log" 2>&1
	await_ready "$log"
	local endpoint
	endpoint=$(sed -n 's/^parley ready //p' "$log")
	export AWS_ACCESS_KEY_ID=$PARLEY_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$PARLEY_SECRET_ACCESS_KEY
	export AWS_DEFAULT_REGION=us-east-1

	AWS_ENDPOINT_URL=$endpoint bash "$here/commands.sh" || fail "commands.sh with AWS_ENDPOINT_URL"
	echo "test/awscli: PASS: commands.sh with AWS_ENDPOINT_URL"
	AWS_ENDPOINT_URL_IVSCHAT=$endpoint AWS_ENDPOINT_URL_STS=$endpoint bash "$here/commands.sh" ||
		fail "commands.sh with AWS_ENDPOINT_URL_IVSCHAT"
	echo "test/awscli: PASS: commands.sh with AWS_ENDPOINT_URL_IVSCHAT"
}

install
(cd "$root" && go build -o "$cache/parley" ./cmd/parley)
isolate
PATH=$cache:$venv/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(
	trap stop EXIT
	commands
)
(
	trap stop EXIT
	quickstart
)
