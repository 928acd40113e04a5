"""Where records live: account, region, kind of record, id."""
