"""The door to Instagram: the Graph API in Carrier's terms."""
