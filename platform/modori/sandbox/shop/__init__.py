"""A small kitchen shop on an origin of its own: what a client's site looks like to Modori."""
