"""Foreign systems that tell us of orders, returns and consents: each a slice."""
