"""The words of the language: what an operator may write, and what it then means where nothing else is said.

What every project says is imported here; `model_for` imports the words of a type when a document first has it.
"""

from collections.abc import Mapping

from carrier.config.models.action import Action, PythonAction, SingleAction
from carrier.config.models.agent import Agent, AgentLimits, Memory, TemplateNames, Words
from carrier.config.models.character import Character, Example, Style
from carrier.config.models.client import Client
from carrier.config.models.evaluator import Evaluator, Judge, PythonEvaluator
from carrier.config.models.host import Embeddings, Folders, Host, Limits, Server
from carrier.config.models.kinds import block_for, model_for, types_of
from carrier.config.models.later import Entry, parts
from carrier.config.models.model import Model
from carrier.config.models.provider import Provider, PythonProvider
from carrier.config.models.schedule import Schedule
from carrier.config.models.script import Call, Failure, Rule, Script, Step
from carrier.config.models.testing import OWN, Case, Expect, Test, Turn
from carrier.config.models.use import Use
from carrier.config.models.values import Block, Described, is_inside, is_name, is_zone

__all__ = [
    "KINDS",
    "OWN",
    "Action",
    "Agent",
    "AgentLimits",
    "Block",
    "Call",
    "Case",
    "Character",
    "Client",
    "Described",
    "Document",
    "Embeddings",
    "Entry",
    "Evaluator",
    "Example",
    "Expect",
    "Failure",
    "Folders",
    "Host",
    "Judge",
    "Limits",
    "Memory",
    "Model",
    "Provider",
    "PythonAction",
    "PythonEvaluator",
    "PythonProvider",
    "Rule",
    "Schedule",
    "Script",
    "Server",
    "SingleAction",
    "Step",
    "Style",
    "TemplateNames",
    "Test",
    "Turn",
    "Use",
    "Words",
    "block_for",
    "is_inside",
    "is_name",
    "is_zone",
    "model_for",
    "parts",
    "types_of",
]

Document = Agent | Character | Client | Action | Evaluator | Provider | Schedule | Script | Test

KINDS: Mapping[str, type[Document]] = {
    "agent": Agent,
    "character": Character,
    "client": Client,
    "action": Action,
    "evaluator": Evaluator,
    "provider": Provider,
    "schedule": Schedule,
    "script": Script,
    "test": Test,
}
"""The documents that the folders may hold, by what they say as their `kind`; `model_for` knows their types too."""
