"""The web properties of a client, and the policy of each."""
