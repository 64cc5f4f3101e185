"""Benches that need real recordings: each is told where the shards are."""
