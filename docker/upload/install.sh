#!/bin/sh
# What `comporta upload` needs on Debian 12 or Ubuntu 24.04, from nothing. The image is built by the same steps:
#
#   docker/upload/install.sh system     packages that run it
#   docker/upload/install.sh tools      packages that install it; the image leaves them behind
#   docker/upload/install.sh wheels     what it imports, each wheel checked against its SHA-256
#
# Behind a company's own authority: its certificates in PIP_CERT, or, while an image is built, in the secret `ca`.
set -eu
cd "$(dirname "$0")/../.."

packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -q -y --no-install-recommends "$@"
	rm -rf /var/lib/apt/lists/*
}

system() {
	packages python3 ca-certificates tini
}

tools() {
	packages python3-venv
}

wheels() {
	if [ -f /run/secrets/ca ]; then
		export PIP_CERT=/run/secrets/ca
	fi
	python3 -m venv /opt/pip
	/opt/pip/bin/pip install -q --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
		--target wheels -r docker/upload/requirements.lock
	chmod -R go-w wheels
}

case "${1:-}" in
system | tools | wheels) "$1" ;;
*) echo "docker/upload/install.sh: what is ${1:-nothing}? (wanted: system, tools or wheels)" >&2 && exit 2 ;;
esac
