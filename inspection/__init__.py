"""Questions about what is there: what two releases differ in, where a row comes from. Reads only."""
