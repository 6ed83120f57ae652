"""The tools of MCP servers, as actions."""
