"""Scenarios and their versions, planning of touches, and dispatch (prepare, begin, call, record)."""
