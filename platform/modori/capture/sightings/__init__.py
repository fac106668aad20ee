"""What ingest saw of a site and did not keep as an event: refusals by their code, and pages that asked for the policy.

For the engineer's page alone. Counts wait in the process for some seconds, so that a flood of refusals costs no write
each; a crash loses them, and nothing depends on them.
"""
