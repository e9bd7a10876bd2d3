"""Great Expectations is imported while others import Spark's client: both are whole, whatever came first."""

import subprocess
import sys

import pytest

# A slow disk: each module of Spark takes up to 20 ms to be found. Without the locks this fails for most seeds.
_RACE = """
import random, sys, threading, time
chance = random.Random(int(sys.argv[1]))

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("pyspark"):
            time.sleep(chance.random() * 0.02)

sys.meta_path.insert(0, Slow())
from lakehouse import imports
wrong = []

def load(what, delay):
    time.sleep(delay)
    try:
        what()
    except BaseException as error:
        wrong.append(repr(error))

threads = [threading.Thread(target=load, args=each) for each in ((imports.great_expectations, 0), (imports.spark_client, chance.random()))]
for each in threads:
    each.start()
for each in threads:
    each.join()
assert "great_expectations.expectations" in sys.modules and "pyspark.sql.connect.proto" in sys.modules
sys.exit(" ".join(wrong) or 0)
"""


@pytest.mark.parametrize("seed", [2, 5])
def test_two_threads_may_import_at_once(seed: int) -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _RACE, str(seed)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
