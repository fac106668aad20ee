"""From an abandoned episode to a lead: eligibility, holdout arm, routes, and the lead's life."""
