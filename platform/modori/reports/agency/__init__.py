"""Clients, sites and what was done to them."""
