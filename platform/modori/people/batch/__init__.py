"""Contact points of many requests and several tenants at once, for ingest's shared transactions."""
