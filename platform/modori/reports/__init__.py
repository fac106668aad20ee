"""Read-only questions for the console (ReadSession): a slice for each section, rows in, nothing decided here."""
