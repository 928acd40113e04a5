from __future__ import annotations

import pytest

from emulator.core.threads import NoThreads
from emulator.vm.docker.blocking import EngineError
from emulator.vm.docker.names import Names
from emulator.vm.docker.tools import Tools, ToolsMissing
from emulator.vm.docker.tools_volume import SharedTools
from tests.fakes.docker_engine import FakeEngine
from tests.fakes.docker_manager import result_of

VOLUME = "ec2-emulator-guest-tools-0123456789abcdef"
IMAGE = "ec2-emulator-guest-tools:0123456789abcdef"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def new_tools(digest: str = "0123456789abcdef0123") -> SharedTools:
    return SharedTools(NoThreads(), lambda: Tools(b"tar", digest, True), Names("ci", "this run"))


def filled(tools: SharedTools, engine: FakeEngine) -> str:
    return str(result_of(tools.volume(engine)))  # type: ignore[arg-type]


def test_the_volume_is_filled_by_a_container_that_never_starts(engine: FakeEngine) -> None:
    made: list[object] = []
    engine.on["create"] = lambda _name, config, *_: made.append(config)
    tools = new_tools()

    assert filled(tools, engine) == VOLUME
    assert engine.calls == ["image", "import_tar", "create", "remove"]
    assert engine.boxes == {}
    assert VOLUME in engine.stores
    assert tools.image() == IMAGE
    assert made == [
        {
            "Image": IMAGE,
            "Entrypoint": ["/.ec2-emulator/busybox"],
            "Labels": {"ec2-emulator.namespace": "ci", "ec2-emulator.run": "this run"},
            "HostConfig": {"Binds": [f"{VOLUME}:/.ec2-emulator"], "NetworkMode": "none"},
        }
    ]


def test_it_is_filled_once(engine: FakeEngine) -> None:
    tools = new_tools()
    for _ in range(2):
        filled(tools, engine)

    assert engine.calls.count("create") == 1


def test_an_image_that_another_run_made_is_used_again(engine: FakeEngine) -> None:
    filled(new_tools(), engine)
    filled(new_tools(), engine)

    assert engine.calls.count("import_tar") == 1


def test_other_tools_have_a_volume_of_their_own(engine: FakeEngine) -> None:
    filled(new_tools(), engine)

    assert filled(new_tools("ff" * 32), engine) == "ec2-emulator-guest-tools-ffffffffffffffff"


def test_what_is_forgotten_is_filled_again(engine: FakeEngine) -> None:
    tools = new_tools()
    filled(tools, engine)
    tools.forget()
    engine.stores.clear()
    filled(tools, engine)

    assert VOLUME in engine.stores


def test_tools_that_are_not_installed_are_an_error_that_says_so(engine: FakeEngine) -> None:
    def load() -> Tools:
        raise ToolsMissing("there is no busybox; scripts/guest-tools puts it there")

    tools = SharedTools(NoThreads(), load, Names())
    with pytest.raises(EngineError, match="scripts/guest-tools"):
        filled(tools, engine)


@pytest.mark.parametrize("method", ["image", "import_tar", "create"])
def test_a_failure_is_tried_again_with_the_next_launch(engine: FakeEngine, method: str) -> None:
    tools = new_tools()
    engine.failing[method] = [EngineError("no space left on device")]
    with pytest.raises(EngineError, match="no space"):
        filled(tools, engine)

    assert filled(tools, engine) == VOLUME
