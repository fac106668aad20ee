"""Who works in the console, and in which role."""
