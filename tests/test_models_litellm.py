"""litellm is imported quietly, knows the models `auto` may choose, and is never told a name no vendor takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from carrier.models.chat_form import ToolNames
from carrier.models.choosing import VENDORS
from carrier.models.loading import load_litellm
from carrier.types.models import Tool


def test_names_no_model_may_read_find_their_way_back() -> None:
    tools = [Tool(name, "", {}) for name in ("maps/find", "maps.find", "maps_find", "å" * 80)]

    names = ToolNames(tools)
    read = [names.safe(tool.name) for tool in tools]

    assert read[:3] == ["maps_find", "maps_find_2", "maps_find_3"]
    assert len(set(read)) == 4
    assert max(map(len, read)) == 64
    assert [names.own(name) for name in read] == [tool.name for tool in tools]
    assert names.own("unheard_of") == "unheard_of"


def test_the_models_that_auto_may_choose_exist() -> None:
    known = set(load_litellm().model_cost)

    for vendor in VENDORS:
        for use in (vendor.large, vendor.small):
            assert use in known or use.partition("/")[2] in known, use


def test_litellm_is_imported_without_a_request_and_without_reading_dot_env(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAKEN_FROM_DOT_ENV=1\n")
    code = """if True:
        import json, os, sys
        reached = []
        sys.addaudithook(lambda event, given: reached.append(str(given[1])) if event == "socket.connect" else None)
        import carrier.models.vendor
        before = "litellm" in sys.modules
        carrier.models.loading.load_litellm()
        proxy = "litellm.proxy.proxy_server" in sys.modules
        print(json.dumps([before, reached, "TAKEN_FROM_DOT_ENV" in os.environ, proxy]))
    """
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert json.loads(done.stdout) == [False, [], False, False], done.stderr
