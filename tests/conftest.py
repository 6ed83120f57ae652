"""Keeps the tests away from the world outside: no model on the network, and no key that could pay for one."""

import os

os.environ["CARRIER_NETWORK_MODELS"] = "0"
for name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[name]
