"""The door to Discord."""
