"""Carrier: a host for autonomous AI agents that is configured, not coded."""

__version__ = "0.1.0"
