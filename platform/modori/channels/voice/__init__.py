"""Bridged calls through Twilio: the operator's phone first, then the customer's."""
