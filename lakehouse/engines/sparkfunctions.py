"""Spark's own functions, as `show system functions` names them: a call of any other is of something that can be changed meanwhile."""

from pathlib import Path


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# What need not give the same for the same rows: the time, chance, where a row lies, who asks, what lies outside.
EACH_TIME = words("""
    now curdate current_date current_timestamp current_time localtimestamp current_timezone rand randn random randstr
    uniform uuid shuffle monotonically_increasing_id spark_partition_id input_file_name input_file_block_start
    input_file_block_length current_user session_user user current_catalog current_database current_schema
    current_path version reflect java_method try_reflect python_worker_logs
""")
# All others; a test compares them with the server's.
KNOWN = words((Path(__file__).parent / "functions.txt").read_text(encoding="utf-8"))
