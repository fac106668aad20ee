"""Files of orders, returns or consents that somebody uploads: checked first, applied once a person has approved."""
