"""Records of volumes and snapshots, kept by whoever keeps their data.

The data outlive the emulator; the next one finds the records with them and knows each volume
again, its tags and its place in an instance included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.logger import Logger

from emulator.model.instance import Instance
from emulator.model.volume import Snapshot, Volume
from emulator.services.call import World
from emulator.state.codec import CodecError, dump, load
from emulator.state.store import EVERYWHERE, Region, State
from emulator.state.table import Derived
from emulator.vm.interface import KeepsVolumes, VMError

log = Logger()

# Several changes in a row are written once.
AFTER_SECONDS = 0.1


@attrs.define(eq=False)
class KeptRecords:
    """Has records written whenever they change.

    Args:
        world: knows the managers.
    """

    _world: World

    def watch(self, region: Region) -> None:
        """Write a region's records from now on."""
        if region.name == EVERYWHERE:
            return
        written: dict[str, str] = {}
        reader = Derived(
            id=f"records of {region.account} {region.name}",
            on_stale=lambda: self._world.later(
                AFTER_SECONDS, "keeping records of volumes", self._look, region, reader, written
            ),
        )
        self._look(region, reader, written)

    def _look(self, region: Region, reader: Derived, written: dict[str, str]) -> None:
        found: dict[str, tuple[KeepsVolumes, str]] = {}

        def read() -> bytes:
            for row in (*region[Volume], *region[Snapshot]):
                manager = self._world.machines.holder(row)
                if manager is not None and isinstance(manager, KeepsVolumes):
                    found[row.id] = manager, _text(region, row)
            return b""

        region.reads.during(reader, read)
        for gone in written.keys() - found.keys():
            del written[gone]
        for resource_id, (manager, text) in found.items():
            if written.get(resource_id) != text:
                written[resource_id] = text
                self._world.background.start(
                    f"keeping the record of {resource_id}",
                    _write(manager, resource_id, text, written),
                )


async def _write(
    manager: KeepsVolumes, resource_id: str, text: str, written: dict[str, str]
) -> None:
    try:
        is_kept = await manager.keep_record(resource_id, text)
    except VMError as error:
        log.warn("{id} is not kept: {error}", id=resource_id, error=str(error))
        is_kept = False
    if not is_kept and written.get(resource_id) == text:
        # It has no data yet: its next change tries again.
        del written[resource_id]


def _text(region: Region, row: Volume | Snapshot) -> str:
    return json.dumps({"account": region.account, "region": region.name, "rows": dump([row])})


async def restore_records(world: World, state: State, manager: KeepsVolumes, name: str) -> None:
    """Make the records of volumes and snapshots again that an earlier emulator had.

    Args:
        world: has the locks of instances, which may just be made known again themselves.
        state: every account's records.
        manager: who keeps them.
        name: the manager's.
    """
    try:
        kept = await manager.kept_records()
        for resource_id, text in kept.items():
            if text:
                await _restore(world, state, resource_id, text, name)
            elif not _known(state, resource_id):
                log.info("removing the data of {id}, which has no record", id=resource_id)
                await manager.delete_data(resource_id)
    except VMError as error:
        log.warn("the volumes of {manager} cannot be read: {error}", manager=name, error=str(error))


async def forget_records(manager: KeepsVolumes) -> None:
    """Delete the data of all volumes and snapshots: nobody remembers them any more.

    Raises:
        VMError: some are left.
    """
    for resource_id in await manager.kept_records():
        await manager.delete_data(resource_id)


def _known(state: State, resource_id: str) -> bool:
    return any(resource_id in region[kind] for region in state for kind in (Volume, Snapshot))


async def _restore(world: World, state: State, resource_id: str, text: str, manager: str) -> None:
    try:
        given: Mapping[str, Any] = json.loads(text)
        region = state.region(str(given["account"]), str(given["region"]))
        volumes = load(given["rows"], [Volume])
        snapshots = load(given["rows"], [Snapshot])
    except (CodecError, ValueError, KeyError, TypeError) as error:
        log.warn("{id} has no record to read: {error}", id=resource_id, error=error)
        return
    for snapshot in snapshots:
        if snapshot.id == resource_id and snapshot.id not in region[Snapshot]:
            snapshot.state, snapshot.vm_manager = "completed", manager
            snapshot.completed_at = snapshot.completed_at or snapshot.started_at
            region[Snapshot].add(snapshot)
    for volume in volumes:
        if volume.id != resource_id:
            continue
        # Its instance may just be made known again, with the volumes of its launch.
        async with world.locks(volume.instance_id or volume.id):
            _put(region, volume, manager)


def _put(region: Region, volume: Volume, manager: str) -> None:
    """Add a volume's record, as it was or as it can be without its instance."""
    known = region[Volume].get(volume.id)
    if known is not None:
        region[Volume].remove(known)
    instance = region[Instance].get(volume.instance_id)
    is_held = (
        volume.attachment is not None
        and volume.attachment.state != "detaching"
        and instance is not None
        and instance.state != "terminated"
    )
    volume.vm_manager = manager
    volume.more_instance_ids, volume.more_attachments = (), ()
    if is_held and volume.attachment is not None:
        volume.state = "in-use"
        volume.attachment = attrs.evolve(volume.attachment, state="attached")
    else:
        volume.state, volume.attachment, volume.instance_id = "available", None, None
    region[Volume].add(volume)
