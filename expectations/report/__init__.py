"""What is shown of verdicts: data docs, whole and without anything of other sites."""
