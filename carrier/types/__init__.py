"""The nouns everybody shares: plain frozen values that say what is, and do nothing.

Times are microseconds since 1970 in UTC, as the ledger's clock gives them (`at`): strictly increasing
within one ledger, so they order as well as date. Ids say their cause and are the same after a crash.
"""
