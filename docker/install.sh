#!/bin/sh
# What a machine of Debian 12 or Ubuntu 24.04 needs to run Comporta, from nothing. The image is built by the same steps:
#
#   docker/install.sh            all of it, on a bare machine, as root
#   docker/install.sh system     packages that run it
#   docker/install.sh tools      packages that install it; an image leaves them behind
#   docker/install.sh lake       the locked Python environment, and Spark's jars, each checked against its SHA-256
set -eu
cd "$(dirname "$0")/.."

packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -q -y --no-install-recommends "$@"
	rm -rf /var/lib/apt/lists/*
}

system() {
	# tini reaps what Spark's Python workers leave behind, and hands signals on. Java and PostgreSQL come as wheels.
	packages python3 ca-certificates tini
}

tools() {
	packages python3-venv make
}

lake() {
	make env
	.venv/bin/python -W ignore -c 'from lakehouse import jars; print(len(jars.ensure()), "jars")'
}

case "${1:-all}" in
system | tools | lake) "$1" ;;
all) system && tools && lake ;;
*) echo "docker/install.sh: what is $1? (wanted: system, tools, lake, or nothing for all of them)" >&2 && exit 2 ;;
esac
