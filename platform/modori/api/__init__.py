"""JSON edge: ingest, server API, provider webhooks."""
