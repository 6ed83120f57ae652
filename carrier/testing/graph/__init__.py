"""A local Instagram: Meta's Graph API on loopback, written from Meta's documents and the tables of Meta's own SDK.

    async with local_graph() as graph:          # login="facebook" for the other one; standing=True: the clock stands
        graph.url                               # for graph.….com and rupload.facebook.com alike
        graph.account.id, graph.account.token
        graph.rule(quota_total=1, repeat="duplicate")
        graph.script(Action(do="commit_then_reset"), "POST", "/media_publish$")
        ...                                     # let a client publish
        graph.feed(), graph.containers(), graph.journal.find("POST", "media_publish")
        graph.advance(3600)
        await graph.hooks.subscribe(callback_url, verify_token)
        await graph.comment(graph.feed()[0], "anna", "lovely")

`python -m carrier.testing.graph --port N` is the same as a process, with all of this over HTTP under `/_control/`.
It checks words, pictures and videos as Instagram does, and forgets everything when it ends.
"""

from carrier.testing.graph.faults import EVERY_FAULT, Action, Match, Script
from carrier.testing.graph.graph import Graph
from carrier.testing.graph.objects import Account, Comment, Container, DirectMessage, Post
from carrier.testing.graph.parameters import table
from carrier.testing.graph.rules import Rules
from carrier.testing.graph.serving import local_graph
from carrier.testing.graph.world import APP_ID, APP_SECRET

__all__ = [
    "APP_ID",
    "APP_SECRET",
    "EVERY_FAULT",
    "Account",
    "Action",
    "Comment",
    "Container",
    "DirectMessage",
    "Graph",
    "Match",
    "Post",
    "Rules",
    "Script",
    "local_graph",
    "table",
]
