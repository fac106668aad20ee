"""The human channel: call tasks, claims, calls, dispositions, callbacks, scripts."""
