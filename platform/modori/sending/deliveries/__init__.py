"""What was handed to a provider: on record, answered, reported on later, reconciled."""
