"""Where rows come from: each kind of source in a room of its own."""
