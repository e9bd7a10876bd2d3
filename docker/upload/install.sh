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
	apt-get clean # also what it knows of all packages; a base of a registry's does so by itself, debootstrap's does not
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
	# Of 400 services that botocore knows, those that a lake on S3 is asked by, and that credentials come from.
	find wheels/botocore/data -mindepth 1 -maxdepth 1 -type d \
		! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -rf {} +
	chmod -R go-w wheels
}

case "${1:-}" in
system | tools | wheels) "$1" ;;
*) echo "docker/upload/install.sh: what is ${1:-nothing}? (wanted: system, tools or wheels)" >&2 && exit 2 ;;
esac
