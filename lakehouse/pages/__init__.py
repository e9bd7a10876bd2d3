"""What every page that we write has: an address that stays, and what it may load and run."""
