"""Dramatiq broker and middleware, the relay, scans and hints. It knows no domain word."""
