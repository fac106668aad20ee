"""Leads as the console lists and shows them, and everything that happened to one."""
