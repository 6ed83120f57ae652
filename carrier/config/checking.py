"""Whatever documents name beside parts and actions, looked up: who names what is not there does without it."""

import fnmatch
import shutil
from collections.abc import Collection

from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.diagnostics import suggestion
from carrier.config.mentions import Mention, clashes, doubtful_cron, mentions, open_doors, wrong_words
from carrier.config.names import Names
from carrier.config.reading import Trail


class Check:
    """Tells of what is named and is not there, and of what two documents claim."""

    def __init__(self, names: Names):
        self.names = names

    def run(self) -> None:
        host = self.names.around.host
        for each in (*self.names.enabled, *([host] if host else [])):
            for mention in mentions(each.block):
                self._look_up(mention, each)
            self.names.tell(each, *wrong_words(each), *doubtful_cron(each), *open_doors(each))
        for each, problem in clashes(self.names.enabled):
            self.names.tell(each, problem)

    def _look_up(self, mention: Mention, by: Definition) -> None:
        name, path = mention.name, mention.path
        match mention.noun:
            case "agent" if name == by.name and by.kind == "agent":
                self.names.tell(by, by.problem(path, "CAR046", f"{name!r} names itself"))
            case "agent" | "client" | "budget" | "media host" | "model":
                if not self.names.knows_own(mention.noun, by.owner or by.name, name):
                    self.names.unknown(mention.noun, name, self._known(mention.noun), by, path)
            case "template":
                self.names.unknown("template", name, self.names.around.library.sources, by, path)
            case "room":
                self._look_up_room(name, path, by)
            case "call":
                self._look_up_call(name, path, by)
            case "action":
                self._look_up_pattern(name, path, by)
            case "folder":
                if not (self.names.around.project.root / name).is_dir():
                    hint = "make it, or leave it out"
                    self.names.tell(by, by.warning(path, "CAR038", f"there is no folder {name}", hint))
            case "file" | "files":
                self._look_up_file(mention, by)
            case "code":
                self.names.code(by, name)
            case "command":
                if not shutil.which(name, path=self.names.around.environment.get("PATH")):
                    hint = "install it, or write its whole path"
                    self.names.tell(by, by.problem(path, "CAR043", f"this machine has no command {name!r}", hint))

    def _known(self, noun: str) -> Collection[str]:
        host = self.names.around.host.block if self.names.around.host else None
        if noun == "model":
            return self.names.models
        if noun in ("agent", "client"):
            return self.names.of_kind[noun] | ({"api"} if noun == "client" else set())
        if not isinstance(host, models.Host):
            return ()
        return host.budgets if noun == "budget" else host.media_hosts

    def _look_up_room(self, name: str, path: Trail, by: Definition) -> None:
        """A room is `client/room`: an id, a name of the client's `rooms`, or `@` and a user's id."""
        client, room = self.names.room(name, by).partition("/")[0], name.partition("/")[2]
        self.names.unknown("client", client, self._known("client"), by, path)
        named = self.names.rooms_of(client)
        if named and room not in named and not room.startswith("@") and not room.isdigit():
            message = f"{client} knows no room {room!r} by that name"
            self.names.tell(by, by.problem(path, "CAR045", message, suggestion(room, list(named))))

    def _look_up_call(self, name: str, path: Trail, by: Definition) -> None:
        """An action that somebody is expected to take: one for all, one of an agent's own, or a tool of either."""
        known = self._actions()
        if name not in known and name.partition("/")[0] not in known:
            self.names.unknown("action", name, known, by, path)

    def _look_up_pattern(self, pattern: str, path: Trail, by: Definition) -> None:
        """A pattern of a permission; one that forbids or asks, and matches nothing, would let all pass."""
        names, tool_of, known = self.names, pattern.partition("/")[0], self._actions()
        if fnmatch.filter(known, pattern) or tool_of in known or ("action", tool_of) in names.around.broken:
            return
        told = by.problem if path[1] in ("ask", "deny") else by.warning
        names.tell(by, told(path, "CAR044", f"no action matches {pattern!r}", suggestion(pattern, sorted(known))))

    def _actions(self) -> set[str]:
        """What actions are called by the agents that may use them."""
        own = (name.partition(".")[2] for name in self.names.of_kind["action"] if "." in name)
        return {*self.names.actions, *own, *self.names.colleagues}

    def _look_up_file(self, mention: Mention, by: Definition) -> None:
        pattern = mention.name.rstrip("/")
        found = next(self.names.around.project.root.glob(pattern), None) if pattern else None
        if found and not self.names.around.project.inside(found):
            self.names.tell(by, by.problem(mention.path, "CAR029", "this leads out of the project's folder"))
        elif not found and mention.noun == "files":
            hint = "files may come later; until then there is nothing"
            self.names.tell(by, by.warning(mention.path, "CAR044", f"no file is called {mention.name}", hint))
        elif not found:
            hint = "a path starts at the project's folder"
            self.names.tell(by, by.problem(mention.path, "CAR038", f"there is no file {mention.name}", hint))
