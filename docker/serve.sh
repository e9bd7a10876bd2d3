#!/bin/sh
# The Spark server as the process of a container: it starts, its log is shown as long as it lives, and it ends in good order, so
# that the metastore's database is closed. If the server dies, so does the container, with an error.
set -u
stop() {
	python -W ignore -m lakehouse down
	exit 0
}
trap stop TERM INT
python -W ignore -m lakehouse up || exit
pid=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$VAR_DIR/run/spark.pid")
tail -n +1 -F --pid="$pid" "$VAR_DIR/log/spark.log" &
wait $!
echo "The Spark server has ended." >&2
exit 1
