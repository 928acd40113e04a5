"""Containers of the emulator's own image, as the engine is asked for them."""

from __future__ import annotations

from emulator.vm.docker.helpers import helper_config

OWN = {"Id": "0123456789ab", "Image": "sha256:feed"}


def test_a_helper_may_do_no_more_than_it_has_to() -> None:
    visiting = helper_config(OWN, "container:abc", ("-m", "visit"), {"a": "b"})
    routing = helper_config(OWN, "host", ("-m", "route"), {}, privileged=True)

    assert visiting["HostConfig"] == {
        "NetworkMode": "container:abc",
        "CapAdd": ["NET_ADMIN"],
        "VolumesFrom": ["0123456789ab"],
    }
    assert (visiting["Image"], visiting["Cmd"]) == ("sha256:feed", ["-m", "visit"])
    assert routing["HostConfig"]["CapAdd"] == ["NET_ADMIN", "SYS_ADMIN"]
    assert routing["HostConfig"]["ReadonlyPaths"] == []
