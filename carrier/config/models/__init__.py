"""The words of the language: what an operator may write, and what it then means where nothing else is said."""

from collections.abc import Mapping

from carrier.config.models.action import Action
from carrier.config.models.agent import Agent, AgentLimits, Entry, Memory, TemplateNames, Use, Words
from carrier.config.models.character import Character, Example, Style
from carrier.config.models.client import Client
from carrier.config.models.host import Embeddings, Folders, Host, Limits, Model, Server
from carrier.config.models.script import Call, Failure, Rule, Script, Step
from carrier.config.models.values import Block, Described, is_inside, is_name, is_zone

__all__ = [
    "KINDS",
    "Action",
    "Agent",
    "AgentLimits",
    "Block",
    "Call",
    "Character",
    "Client",
    "Described",
    "Document",
    "Embeddings",
    "Entry",
    "Example",
    "Failure",
    "Folders",
    "Host",
    "Limits",
    "Memory",
    "Model",
    "Rule",
    "Script",
    "Server",
    "Step",
    "Style",
    "TemplateNames",
    "Use",
    "Words",
    "is_inside",
    "is_name",
    "is_zone",
]

Document = Agent | Character | Client | Action | Script

KINDS: Mapping[str, type[Agent] | type[Character] | type[Client] | type[Action] | type[Script]] = {
    "agent": Agent,
    "character": Character,
    "client": Client,
    "action": Action,
    "script": Script,
}
"""The documents that the folders may hold, by what they say as their `kind`."""
