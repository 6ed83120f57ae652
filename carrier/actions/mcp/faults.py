"""Errors that a connection itself reports, in the place of the server's answer."""

REFUSED = -39001
"""The server has not taken the request."""
CUT = -39002
"""The server may have taken it."""
TOO_LONG = -39003
"""It answered, at a length nobody reads."""

CLOSED = -32000
UNREADABLE = -32700

DOUBTFUL = (CUT, TOO_LONG, CLOSED, UNREADABLE)
"""After these a call may have taken effect. Servers use the last two for errors of their own, too."""
