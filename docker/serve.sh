#!/bin/sh
# The Spark server as the process of a container: it starts, its log is shown as long as it lives, and it ends in good order, so
# that the metastore's database is closed. If the server dies, so does the container, with an error.
set -u
stop() {
	python -W ignore -m comporta down
	exit 0
}
trap stop TERM INT
up=${TMPDIR:-/tmp}/comporta.up
rm -f "$up"
python -W ignore -m comporta up || exit
: >"$up" # what docker/healthy.py waits for
pid=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$VAR_DIR/run/spark.pid")
tail -n +1 -F --pid="$pid" "$VAR_DIR/log/spark.log" &
# A job is another user with process ids of its own. One that has lost the lease can't end this server; it asks for that by a file.
while kill -0 "$pid" 2>/dev/null; do
	if [ -e "$VAR_DIR/run/spark.end" ]; then
		echo "The Spark server is ended at once: a job asked for it." >&2
		kill -KILL "$pid"
	fi
	sleep 1 &
	wait $!
done
echo "The Spark server has ended." >&2
exit 1
