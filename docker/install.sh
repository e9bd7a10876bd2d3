#!/bin/sh
# What a machine of Debian 12 or Ubuntu 24.04 needs to run Comporta, from nothing. The image is built by the same steps:
#
#   docker/install.sh            all of it, on a bare machine, as root
#   docker/install.sh system     packages that run it
#   docker/install.sh tools      packages that install it; an image leaves them behind
#   docker/install.sh lake       the locked Python environment, and Spark's jars for a lake of any kind, each checked against its SHA-256
#
# Behind a company's own authority: its certificates in SSL_CERT_FILE, or, while an image is built, in the secret `ca`.
set -eu
cd "$(dirname "$0")/.."

packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -q -y --no-install-recommends "$@"
	rm -rf /var/lib/apt/lists/*
}

system() {
	# tini reaps what Spark's Python workers leave behind, and hands signals on. Arrow looks for time zones where the system has
	# them. Java and PostgreSQL come as wheels.
	packages python3 ca-certificates tini tzdata
}

tools() {
	packages python3-venv make
}

lake() {
	if [ -f /run/secrets/ca ]; then
		export SSL_CERT_FILE=/run/secrets/ca
	fi
	make env
	.venv/bin/python -W ignore -m lakehouse.servers.jars
	.venv/bin/python -W ignore -m lakehouse.servers.scala
	chmod -R go-w .venv var/jars # uv lets everybody write its lock
}

case "${1:-all}" in
system | tools | lake) "$1" ;;
all) system && tools && lake ;;
*) echo "docker/install.sh: what is $1? (wanted: system, tools, lake, or nothing for all of them)" >&2 && exit 2 ;;
esac
