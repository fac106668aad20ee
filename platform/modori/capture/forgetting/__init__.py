""" "No thanks" deletes what was sent (RULES 15): permission to capture as a visitor gave it, and forgetting."""
