"""libvirt's in-memory driver, as a hypervisor of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from emulator.vm.libvirt.blocking import Hypervisor
    from emulator.vm.libvirt.names import Place

POOL = "default-pool"
# A world of its own: that of test:///default is shared by all connections of the process.
WORLD = f"""
<node>
  <network>
    <name>default</name>
    <forward mode='nat'/>
    <ip address='192.168.122.1' netmask='255.255.255.0'>
      <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
    </ip>
  </network>
  <pool type='dir'><name>{POOL}</name><target><path>/{POOL}</path></target></pool>
</node>
"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    world = tmp_path / "world.xml"
    world.write_text(WORLD)
    return f"test://{world}"


@pytest.fixture
def hypervisor(uri: str) -> Iterator[Hypervisor]:
    pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")
    from emulator.vm.libvirt.blocking import connect

    made = connect(uri)
    yield made
    made.close()


@pytest.fixture
def place(uri: str) -> Place:
    from emulator.vm.libvirt.names import Place

    return Place(uri, POOL, namespace="here")


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Let volumes of the in-memory driver hold what is written to them."""
    pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")
    from emulator.vm.libvirt import blocking_storage as storage
    from emulator.vm.libvirt.volume_xml import RAW, NewVolume

    kept: dict[str, bytes] = {}
    delete = storage.delete

    def keep(
        hypervisor: Hypervisor, pool: str, name: str, content: bytes, *, least_bytes: int = 0
    ) -> str:
        kept[name] = content + kept.get(name, b"")[len(content) :]
        found = storage.volume(hypervisor, pool, name) or storage.create(
            hypervisor, pool, NewVolume(name, max(least_bytes, len(content)), RAW)
        )
        return found.path

    def give(
        hypervisor: Hypervisor, pool: str, name: str, most_bytes: int, *, end: bool = False
    ) -> bytes:
        if storage.volume(hypervisor, pool, name) is None:
            return b""
        return kept.get(name, b"")[-most_bytes:] if end else kept.get(name, b"")[:most_bytes]

    def drop(hypervisor: Hypervisor, pool: str, name: str) -> None:
        kept.pop(name, None)
        delete(hypervisor, pool, name)

    monkeypatch.setattr(storage, "write", keep)
    monkeypatch.setattr(storage, "read", give)
    monkeypatch.setattr(storage, "delete", drop)
    monkeypatch.setattr(storage, "keeps_no_data", lambda _: False)
    return kept
