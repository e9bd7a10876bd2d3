"""What tini is in a container: the first process, which starts the program, hands signals on and reaps what nobody waits for."""

import os
import signal
import sys

child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: os.kill(child, number))
while True:
    ended, status = os.wait()
    if ended == child:
        os._exit(os.waitstatus_to_exitcode(status) % 256)
