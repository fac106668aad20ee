"""View functions, a file for each section: they read through reports, act through the rooms' actions, and render."""
