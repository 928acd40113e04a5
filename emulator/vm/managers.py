"""The managers that are in use side by side, and which of them has what.

What is where stands in the records: an image's manager is the one that boots it, an
instance's the one that has its machine, a volume's or snapshot's the one that keeps its data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.volume import Snapshot, Volume
from emulator.vm.interface import (
    AttachesVolumes,
    FollowsGuests,
    HasPublicAddresses,
    LaunchesAtOnce,
    MachineImage,
    VMManager,
)


@attrs.frozen
class KnownImage:
    """An image of one of the managers.

    Attributes:
        manager: the manager's name.
        image: what it boots.
    """

    manager: str
    image: MachineImage


def _tuple(managers: Sequence[VMManager]) -> tuple[VMManager, ...]:
    if not managers:
        raise ValueError("there is no manager")
    return tuple(managers)


@attrs.frozen(eq=False)
class Managers:
    """One manager or several, each with a name of its own.

    Attributes:
        all: in the user's order, the most wanted first.
        only: the manager where there is just one; it has everything, whatever records say.
        default: has the machines of records that name no manager: the first that takes any
            image because it has none of its own, or else the first of all.
        keepers: those whose volumes hold data, by name. To ask for an ability takes some
            hundredths of a millisecond, so those that every launch asks for are kept.
        at_once: those whose guests are up at once, by name.
        public: those whose guests may be reached at public addresses that are given them, by name.
    """

    all: tuple[VMManager, ...] = attrs.field(converter=_tuple)
    only: VMManager | None = attrs.field(init=False)
    default: VMManager = attrs.field(init=False)
    keepers: Mapping[str, AttachesVolumes] = attrs.field(init=False)
    at_once: Mapping[str, LaunchesAtOnce] = attrs.field(init=False)
    public: Mapping[str, HasPublicAddresses] = attrs.field(init=False)
    _by_name: Mapping[str, VMManager] = attrs.field(init=False)

    @only.default
    def _only(self) -> VMManager | None:
        return self.all[0] if len(self.all) == 1 else None

    @default.default
    def _default(self) -> VMManager:
        return next((each for each in self.all if not isinstance(each, FollowsGuests)), self.all[0])

    @keepers.default
    def _keepers(self) -> Mapping[str, AttachesVolumes]:
        return {each.name: each for each in self.all if isinstance(each, AttachesVolumes)}

    @at_once.default
    def _at_once(self) -> Mapping[str, LaunchesAtOnce]:
        return {each.name: each for each in self.all if isinstance(each, LaunchesAtOnce)}

    @public.default
    def _public(self) -> Mapping[str, HasPublicAddresses]:
        return {each.name: each for each in self.all if isinstance(each, HasPublicAddresses)}

    @_by_name.default
    def _named(self) -> Mapping[str, VMManager]:
        return {manager.name: manager for manager in self.all}

    def of(self, row: Instance | Image) -> VMManager:
        """Return the manager that has an instance's machine, or that boots an image."""
        return self._by_name.get(row.vm_manager, self.default)

    def gives_public_addresses(self, name: str) -> bool:
        """Tell whether a manager's guests are reached at public addresses that they are given."""
        manager = self.public.get(name)
        return manager is not None and manager.has_public_addresses()

    def holder(self, row: Volume | Snapshot) -> VMManager | None:
        """Return the manager that keeps the data of a volume or snapshot; None: nobody has any."""
        return self._by_name.get(row.vm_manager, self.only)
