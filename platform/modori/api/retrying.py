"""Endpoints run again what was a deadlock's victim."""

from modori.storage.retrying import retry_deadlocks

__all__ = ["retry_deadlocks"]
