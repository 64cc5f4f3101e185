"""From recordings to shards: `prepare` for a corpus, `index_tars` for tars that others made."""
