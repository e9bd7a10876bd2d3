"""Quality gates: suites of checks in YAML, run by Great Expectations on Spark, and the verdicts that releases wait for."""
