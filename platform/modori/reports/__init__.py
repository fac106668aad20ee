"""Read-only questions for the console (ReadSession)."""
