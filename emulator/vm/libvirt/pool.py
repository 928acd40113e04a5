"""One storage pool as EC2 sees it; blocking calls.

A volume may be based on another one: a root disk on its AMI, a volume on its snapshot. EC2
deletes either without a thought for the other, so what is still needed is hidden by its note
and deleted with the last volume that is based on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs
from twisted.logger import Logger

from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import notes
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError
from emulator.vm.libvirt.names import Place
from emulator.vm.libvirt.notes import Note, State
from emulator.vm.libvirt.volume_xml import NewVolume, StoredVolume

log = Logger(namespace="emulator.vm.libvirt")


@attrs.frozen(eq=False)
class Pool:
    """The pool of one emulator on one hypervisor.

    Attributes:
        hypervisor: where it is.
        place: its name, and the emulator's namespace.
    """

    hypervisor: Hypervisor
    place: Place

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.place.pool

    # Volumes and what is known of them

    def volume(self, name: str) -> StoredVolume | None:
        """Return a volume, whatever its note says; None: there is none."""
        return storage.volume(self.hypervisor, self.name, name)

    def note(self, name: str) -> Note | None:
        """Return the note about a volume, if there is one."""
        packed = storage.read(self.hypervisor, self.name, notes.note_name(name), notes.MOST_BYTES)
        return notes.read_note(packed)

    def write_note(self, name: str, note: Note) -> None:
        """Keep a note about a volume.

        Raises:
            LibvirtError: it is too long, or cannot be kept.
        """
        packed = note.pack()
        if len(packed) > notes.MOST_BYTES:
            raise LibvirtError(f"the note of {name} has {len(packed)} bytes, which is too much")
        storage.write(
            self.hypervisor,
            self.name,
            notes.note_name(name),
            packed,
            least_bytes=notes.LEAST_BYTES,
        )

    def whole(self, name: str) -> StoredVolume | None:
        """Return a volume that is neither still being made nor deleted."""
        found = self.volume(name)
        if found is None:
            return None
        note = self.note(name)
        return found if note is None or note.state is State.READY else None

    def whole_volumes(self) -> Iterator[tuple[StoredVolume, Note | None]]:
        """Yield every volume that is neither still being made nor deleted, with its note."""
        found = storage.volumes(self.hypervisor, self.name)
        names = {each.name for each in found}
        for each in found:
            if notes.noted_volume(each.name) is not None:
                continue
            note = self.note(each.name) if notes.note_name(each.name) in names else None
            if note is None or note.state is State.READY:
                yield each, note

    # Making

    def make(self, new: NewVolume) -> StoredVolume:
        """Make an empty volume, or one that is based on another; that takes no time."""
        return storage.create(self.hypervisor, self.name, new)

    def begin(self, name: str) -> None:
        """Note that a volume is about to be made, so that no half of it is ever taken for it."""
        self.write_note(name, Note(State.MAKING, self.place.namespace))

    def copy(self, source: str, name: str, size_bytes: int, note: Note) -> StoredVolume:
        """Make a volume that stands for itself, with another one's data.

        Nothing may write to the source meanwhile.

        Raises:
            Missing: there is no such source.
            LibvirtError: nothing was made.
        """
        self.begin(name)
        try:
            # What was left of an earlier try would be in the way.
            storage.delete(self.hypervisor, self.name, name)
            made = storage.clone(self.hypervisor, self.name, source, NewVolume(name, size_bytes))
            self.write_note(name, note)
        except BaseException:
            self.forget(name)
            raise
        return made

    def forget(self, name: str) -> None:
        """Delete a volume and its note, whatever is based on it."""
        storage.delete(self.hypervisor, self.name, name)
        storage.delete(self.hypervisor, self.name, notes.note_name(name))

    # Letting go

    def discard(self, name: str) -> None:
        """Delete a volume as far as EC2 is concerned; one that is not there is no error.

        What something is based on, and what a user put there, is only hidden.
        """
        found = self.volume(name)
        note = self.note(name)
        if found is None:
            storage.delete(self.hypervisor, self.name, notes.note_name(name))
            return
        if found.path in self._bases():
            self.write_note(name, self._gone(name, note))
            return
        self.forget(name)
        self._release(found.backing_path)

    def hide(self, name: str) -> None:
        """Have a volume that a user put there be none of EC2's; its file stays."""
        if self.volume(name) is not None:
            self.write_note(name, Note(State.GONE))

    def _gone(self, name: str, note: Note | None) -> Note:
        known = note or Note(namespace=self.place.namespace)
        log.debug("{volume} stays hidden while it is needed", volume=name)
        return attrs.evolve(known, state=State.GONE)

    def _bases(self) -> Mapping[str, str]:
        """Return the path of everything that a volume is based on, each with such a volume."""
        found = storage.volumes(self.hypervisor, self.name)
        return {each.backing_path: each.name for each in found if each.backing_path}

    def _release(self, path: str | None) -> None:
        """Delete what was hidden and is needed no more, and what that was based on."""
        while path is not None:
            found = storage.volumes(self.hypervisor, self.name)
            base = next((each for each in found if each.path == path), None)
            if base is None or any(each.backing_path == path for each in found):
                return
            note = self.note(base.name)
            if note is None or note.state is not State.GONE or not note.namespace:
                return
            self.forget(base.name)
            path = base.backing_path

    def has_half_made(self) -> bool:
        """Tell whether there is a volume of this emulator's that is not whole."""
        for name in storage.names(self.hypervisor, self.name):
            volume = notes.noted_volume(name)
            note = None if volume is None else self.note(volume)
            if note is not None and (note.state, note.namespace) == (
                State.MAKING,
                self.place.namespace,
            ):
                return True
        return False

    def sweep(self, busy: Collection[str] = ()) -> None:
        """Remove what an earlier emulator did not finish making or removing.

        Args:
            busy: volumes that are being made right now.
        """
        own = self.place.namespace
        for name in storage.names(self.hypervisor, self.name):
            volume = notes.noted_volume(name)
            if volume is None or volume in busy:
                continue
            note = self.note(volume)
            there = self.volume(volume)
            if there is None:
                if note is None or note.namespace in ("", own):
                    storage.delete(self.hypervisor, self.name, name)
            elif note is not None and note.namespace == own:
                if note.state is State.MAKING:
                    log.info("removing {volume}, which was left half made", volume=volume)
                    self.forget(volume)
                elif note.state is State.GONE and there.path not in self._bases():
                    self.forget(volume)
                    self._release(there.backing_path)
