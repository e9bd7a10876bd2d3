"""What a release costs, and whether a query ever sees two of them."""
