"""What every part of Comporta shares: settings, errors, servers, sessions, the ledger and releases."""
