#!/bin/sh
# Installs Debian packages where that can be done without asking: as root, with
# apt-get. Fails everywhere else.
set -eu
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 1
echo "installing $*" >&2
{
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
} >&2
