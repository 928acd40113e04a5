"""Domains as the guests they are; pure, but for the constants of libvirt's binding."""

from __future__ import annotations

import attrs
from lxml import etree

from emulator.vm.interface import IMPAIRED, OK, Guest
from emulator.vm.libvirt.blocking import (
    BLOCKED,
    CRASHED,
    OFF_BY_CRASH,
    OFF_BY_FAILURE,
    OFF_BY_FORCE,
    OFF_BY_GUEST,
    PAUSED,
    PAUSED_BY_TROUBLE,
    RUNNING,
    SHUTTING_DOWN,
    SUSPENDED,
    DomainState,
    Hypervisor,
)
from emulator.vm.libvirt.domain import Note
from emulator.vm.libvirt.domain_xml import note_of, parse

# A kernel that panicked is up as far as EC2 goes: it fails a status check.
UP = frozenset({RUNNING, BLOCKED, SHUTTING_DOWN, CRASHED, SUSPENDED})
_ENDINGS = {
    OFF_BY_GUEST: "the guest shut down",
    OFF_BY_FORCE: "the virtual machine was powered off outside the emulator",
    OFF_BY_CRASH: "the virtual machine crashed",
    OFF_BY_FAILURE: "the virtual machine could not run on",
}
# A daemon that was started again does not know any more.
_ENDED = "the virtual machine is off"


@attrs.frozen
class Found:
    """A domain of an emulator's.

    Attributes:
        note: whose it is.
        state: what it is doing.
        xml: all of it, as it is now.
    """

    note: Note
    state: DomainState
    xml: etree._Element

    @property
    def is_up(self) -> bool:
        """Whether the guest is up."""
        return self.state.state in UP or self.is_in_trouble

    @property
    def is_in_trouble(self) -> bool:
        """Whether its kernel panicked, or its disk cannot be written to."""
        state = self.state
        paused = state.state == PAUSED and state.reason in PAUSED_BY_TROUBLE
        return paused or state.state == CRASHED

    @property
    def guest(self) -> Guest:
        """The guest."""
        note = self.note
        return Guest(
            note.key.instance_id,
            self.is_up,
            public_ip=note.address or None,
            key=note.key,
            memento=note.memento,
            ended=_ended(self.state),
            ended_well=self.state.is_off and self.state.reason == OFF_BY_GUEST,
            health=IMPAIRED if self.is_in_trouble else OK,
        )


def _ended(state: DomainState) -> str:
    """Return why a guest is down; empty for one that is up, or only frozen."""
    if not state.is_off:
        return ""
    return _ENDINGS.get(state.reason, _ENDED)


def blocking_find(hypervisor: Hypervisor, name: str, namespace: str) -> Found | None:
    """Return an instance's domain; None: there is none, or it is another emulator's."""
    state = hypervisor.state(name)
    text = None if state is None else hypervisor.xml(name)
    if state is None or text is None:
        return None
    xml = parse(text)
    note = note_of(xml)
    return None if note is None or note.namespace != namespace else Found(note, state, xml)
