"""Modori: notices abandoned carts and forms, contacts people with restraint, bills only proven results."""

__version__ = "0.1.0"
