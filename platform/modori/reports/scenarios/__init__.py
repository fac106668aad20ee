"""Scenarios with their steps and wordings."""
