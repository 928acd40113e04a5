from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from emulator.vm.interface import (
    IMPAIRED,
    INITIALIZING,
    OK,
    Guest,
    GuestKey,
    GuestObserver,
    GuestPorts,
    LaunchSpec,
    VMError,
)
from tests.contracts.vm_manager import SPEC as CONTRACT_SPEC

pytest.importorskip("libvirt", reason="libvirt's binding is missing: tests/lab/parts/90-libvirt")

from emulator.vm.libvirt.blocking import (
    CRASHED,
    OFF,
    OFF_BY_CRASH,
    OFF_BY_GUEST,
    PAUSED,
    RUNNING,
    Conflict,
    DomainState,
    Hypervisor,
    LibvirtError,
)
from emulator.vm.libvirt.domain_xml import note_of, parse, ports_of
from emulator.vm.libvirt.domains import TERMINATE_SECONDS
from emulator.vm.libvirt.guests import Found
from emulator.vm.libvirt.host import hypervisors
from emulator.vm.libvirt.names import Place
from tests.fakes.libvirt_manager import IMAGE, POOL, URI, LibvirtHost

SPEC = attrs.evolve(
    CONTRACT_SPEC, image_id=IMAGE, image_reference=IMAGE, mac_address="0a:00:00:00:00:07"
)
ID = SPEC.instance_id


@attrs.define
class Ports(GuestPorts):
    """Notes what it is asked, and fails where it is told to."""

    said: list[str] = attrs.field(factory=list)
    failing: str = ""
    heard: bool = False

    def _say(self, what: str) -> None:
        self.said.append(what)
        if self.failing == what:
            raise VMError(f"{what} fails")

    def obstacle(self) -> str | None:
        return None

    async def prepare(self, spec: LaunchSpec) -> str:
        self._say("prepare")
        return "ec2-link"

    async def before_start(self, key: GuestKey) -> str:
        self._say("before_start")
        return "ec2-link"

    async def connect(self, key: GuestKey) -> str | None:
        self._say("connect")
        return "172.31.0.10"

    def was_heard(self, key: GuestKey) -> bool:
        return self.heard

    async def forget(self, key: GuestKey) -> None:
        self._say("forget")

    async def keep_only(self, instance_ids: Collection[str]) -> None:
        self._say(f"keep {sorted(instance_ids)}")


@pytest.fixture
def host() -> Iterator[LibvirtHost]:
    host = LibvirtHost()
    host.add_image()
    yield host
    host.close()


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def plugged(ports: Ports) -> Iterator[LibvirtHost]:
    host = LibvirtHost(ports=ports)
    host.add_image()
    yield host
    host.close()


def launch(host: LibvirtHost, spec: LaunchSpec = SPEC) -> Guest:
    guest = host.result_of(host.manager.launch(spec))
    assert isinstance(guest, Guest)
    return guest


def raw(host: LibvirtHost) -> Any:
    return host.ask(lambda hypervisor: hypervisor.raw)


def look(host: LibvirtHost) -> Guest | None:
    found = host.result_of(host.manager.look(ID))
    assert found is None or isinstance(found, Guest)
    return found


# Launching


def test_a_guest_on_a_network_of_libvirts_has_an_address_kept_for_it(host: LibvirtHost) -> None:
    guest = launch(host)
    network = raw(host).networkLookupByName("default").XMLDesc()

    assert guest.public_ip is not None
    assert f"mac='{SPEC.mac_address}' ip='{guest.public_ip}'" in network


def test_the_address_is_given_back_with_the_guest(host: LibvirtHost) -> None:
    launch(host)
    host.result_of(host.manager.terminate(ID))

    assert "<host" not in raw(host).networkLookupByName("default").XMLDesc()


def test_a_terminated_guest_leaves_no_volume(host: LibvirtHost) -> None:
    launch(host)
    assert len(host.volumes()) > 1
    host.result_of(host.manager.terminate(ID))

    assert host.volumes() == {IMAGE}
    assert host.domains() == set()


def test_without_its_image_a_guest_does_not_launch_and_leaves_nothing(host: LibvirtHost) -> None:
    spec = attrs.evolve(SPEC, image_id="ami-00000000", image_reference="ami-00000000")

    with pytest.raises(VMError, match="ami-00000000"):
        launch(host, spec)
    assert (host.domains(), host.volumes()) == (set(), {IMAGE})
    assert host.manager.launching == set()


@pytest.mark.parametrize(
    "call", ["define", "start", "set_metadata", "xml", "storage.create", "storage.write"]
)
def test_a_launch_that_fails_leaves_nothing(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise LibvirtError("the disk is full")

    target = "blocking_storage." if call.startswith("storage") else "blocking.Hypervisor."
    monkeypatch.setattr(f"emulator.vm.libvirt.{target}{call.rpartition('.')[2]}", fail)

    with pytest.raises(VMError, match="the disk is full"):
        launch(host)
    assert (host.domains(), host.volumes()) == (set(), {IMAGE})


def test_a_domain_of_somebody_elses_is_left_alone(host: LibvirtHost) -> None:
    own = "<memory>1024</memory><os><type>hvm</type></os>"
    raw(host).defineXML(f"<domain type='test'><name>{ID}</name>{own}</domain>")

    with pytest.raises(Conflict):
        launch(host)
    host.result_of(host.manager.terminate(ID))
    assert host.domains() == {ID}
    assert host.result_of(host.manager.describe()) == []


def test_a_guest_of_another_emulator_is_left_alone(host: LibvirtHost) -> None:
    other = LibvirtHost(places={"": Place(uri=URI, pool=POOL, namespace="other")})
    launch(other)

    assert look(host) is None
    assert host.result_of(host.manager.describe()) == []
    assert host.result_of(host.manager.guests()) == []
    host.result_of(host.manager.terminate(ID))
    host.result_of(host.manager.close())
    assert [guest.running for guest in other.result_of(other.manager.describe())] == [True]
    other.result_of(other.manager.terminate(ID))
    other.close()


def test_a_guest_is_made_like_the_domain_that_the_user_named() -> None:
    host = LibvirtHost(places={"": Place(uri=URI, pool=POOL, reference_domain="test")})
    host.add_image()
    guest = launch(host)

    assert guest.running
    host.result_of(host.manager.terminate(ID))
    host.close()


def test_without_the_domain_that_the_user_named_nothing_launches() -> None:
    host = LibvirtHost(places={"": Place(uri=URI, pool=POOL, reference_domain="golden")})
    host.add_image()

    with pytest.raises(VMError, match="EC2_REFERENCE_DOMAIN=golden"):
        launch(host)
    host.close()


def test_of_a_guest_whose_domain_was_removed_outside_nothing_stays_but_its_volumes(
    plugged: LibvirtHost, ports: Ports
) -> None:
    launch(plugged)
    raw(plugged).lookupByName(ID).destroy()
    raw(plugged).lookupByName(ID).undefine()
    plugged.result_of(plugged.manager.terminate(ID))

    assert not any(name.startswith(f"{ID}.") for name in plugged.volumes())
    assert ports.said[-1] == "forget"


# Guests that are plugged into their VPCs


def test_a_guest_runs_only_once_it_is_plugged_in(plugged: LibvirtHost, ports: Ports) -> None:
    states: list[DomainState] = []

    async def connect(key: GuestKey) -> str | None:
        connection = plugged.manager.hosts.all[0].connection
        states.append(await connection.run(Hypervisor.state, ID))  # type: ignore[arg-type]
        return "172.31.0.10"

    ports.connect = connect  # type: ignore[method-assign]
    guest = launch(plugged)

    assert [state.state for state in states] == [PAUSED]
    assert guest.running
    assert guest.public_ip == "172.31.0.10"
    xml = parse(plugged.ask(Hypervisor.xml, ID))
    assert [port.link for port in ports_of(xml)] == ["ec2-link"]  # type: ignore[union-attr]
    plugged.result_of(plugged.manager.terminate(ID))


@pytest.mark.parametrize("step", ["prepare", "connect"])
def test_a_guest_that_cannot_be_plugged_in_leaves_nothing(
    plugged: LibvirtHost, ports: Ports, step: str
) -> None:
    ports.failing = step

    with pytest.raises(VMError, match=f"{step} fails"):
        launch(plugged)
    assert plugged.domains() == set()
    assert ports.said[-1] == "forget"


def test_a_stopped_guest_is_plugged_in_again(plugged: LibvirtHost, ports: Ports) -> None:
    launch(plugged)
    plugged.result_of(plugged.manager.stop(ID, force=True))
    ports.said.clear()
    plugged.result_of(plugged.manager.start(ID))

    assert ports.said == ["before_start", "connect"]
    plugged.result_of(plugged.manager.terminate(ID))


def test_a_guest_that_ran_on_without_an_emulator_is_plugged_in_once(
    plugged: LibvirtHost,
) -> None:
    launch(plugged)
    ports = Ports()
    later = LibvirtHost(ports=ports)
    for _ in range(2):
        assert later.result_of(later.manager.look(ID)).running

    assert ports.said == ["connect"]
    plugged.result_of(plugged.manager.terminate(ID))
    later.close()


# Going down


@attrs.define
class Stubborn:
    """Takes the place of a hypervisor's power button, which the guest does not hear."""

    presses: list[float] = attrs.field(factory=list)

    def on(self, host: LibvirtHost, monkeypatch: pytest.MonkeyPatch) -> None:
        def press(_: Hypervisor, name: str) -> None:
            self.presses.append(host.time.seconds())

        monkeypatch.setattr(Hypervisor, "ask_to_shut_down", press)


def test_a_guest_that_does_not_shut_down_is_asked_again_and_powered_off(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(host)
    stubborn = Stubborn()
    stubborn.on(host, monkeypatch)
    host.result_of(host.manager.stop(ID, force=False))

    assert stubborn.presses == pytest.approx([5.0 * count for count in range(12)], abs=0.3)
    assert host.time.seconds() == pytest.approx(60, abs=0.5)
    assert host.result_of(host.manager.describe())[0].running is False


def test_a_guest_is_stopped_by_force_at_once(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(host)
    stubborn = Stubborn()
    stubborn.on(host, monkeypatch)
    host.result_of(host.manager.stop(ID, force=True))

    assert stubborn.presses == []
    assert host.time.seconds() == 0


@pytest.mark.parametrize("what", ["stop", "reboot"])
def test_whoever_is_in_a_hurry_waits_for_no_guest(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    launch(host)
    Stubborn().on(host, monkeypatch)
    host.manager.hears_reboots = True
    monkeypatch.setattr(Hypervisor, "ask_to_reboot", lambda *_: None)
    work = host.manager.stop(ID, force=False) if what == "stop" else host.manager.reboot(ID)
    waiting = Deferred.fromCoroutine(work)
    host.time.advance(3)
    assert not waiting.called
    host.manager.hurry(ID)
    host.time.advance(1)

    assert waiting.called
    assert look(host).running is (what == "reboot")  # type: ignore[union-attr]
    host.manager.hurry(ID)


def test_a_terminated_guest_is_not_waited_for_long(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(host)
    Stubborn().on(host, monkeypatch)
    host.result_of(host.manager.terminate(ID))

    assert host.time.seconds() == pytest.approx(TERMINATE_SECONDS, abs=0.5)
    assert host.domains() == set()


def test_a_paused_guest_hears_nothing_and_is_powered_off(host: LibvirtHost) -> None:
    launch(host)
    raw(host).lookupByName(ID).suspend()
    host.result_of(host.manager.stop(ID, force=False))

    assert host.ask(Hypervisor.state, ID).is_off


def test_a_guest_that_does_not_restart_by_itself_is_reset(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(host)
    host.manager.hears_reboots = True
    did: list[str] = []
    monkeypatch.setattr(Hypervisor, "ask_to_reboot", lambda *_: did.append("asked"))
    monkeypatch.setattr(Hypervisor, "reset", lambda *_: did.append("reset"))
    host.result_of(host.manager.reboot(ID))

    assert did == ["asked", "reset"]
    assert host.time.seconds() == pytest.approx(60, abs=0.5)


def test_a_guest_that_restarts_is_left_to_it(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch(host)
    host.manager.hears_reboots = True
    monkeypatch.setattr(Hypervisor, "ask_to_reboot", lambda *_: host.manager.has_rebooted(ID))
    monkeypatch.setattr(Hypervisor, "reset", lambda *_: pytest.fail("it is reset"))
    host.result_of(host.manager.reboot(ID))


# Looking


def test_a_guest_that_shut_down_by_itself_ended_well(host: LibvirtHost) -> None:
    launch(host)
    raw(host).lookupByName(ID).shutdown()
    guest = look(host)

    assert guest is not None
    assert (guest.running, guest.ended_well, guest.ended) == (False, True, "the guest shut down")


def test_a_guest_that_was_powered_off_outside_did_not_end_well(host: LibvirtHost) -> None:
    launch(host)
    raw(host).lookupByName(ID).destroy()
    guest = look(host)

    assert guest is not None
    assert (guest.running, guest.ended_well) == (False, False)
    assert "outside the emulator" in guest.ended


def test_a_frozen_guest_neither_runs_nor_has_ended(host: LibvirtHost) -> None:
    launch(host)
    raw(host).lookupByName(ID).suspend()
    guest = look(host)

    assert guest is not None
    assert (guest.running, guest.ended) == (False, "")


def test_a_guest_that_was_removed_outside_is_none(host: LibvirtHost) -> None:
    launch(host)
    domain = raw(host).lookupByName(ID)
    domain.destroy()
    domain.undefine()

    assert look(host) is None


@pytest.mark.parametrize(
    ("state", "well"), [(OFF_BY_GUEST, True), (OFF_BY_CRASH, False), (0, False)]
)
def test_only_a_guest_that_shut_down_ended_well(host: LibvirtHost, state: int, well: bool) -> None:
    launch(host)
    xml = parse(host.ask(Hypervisor.xml, ID))
    note = note_of(xml)
    assert note is not None

    assert Found(note, DomainState(OFF, state), xml).guest.ended_well is well
    assert Found(note, DomainState(RUNNING, state), xml).guest.ended == ""


@pytest.mark.parametrize(
    ("state", "running", "health"),
    [
        (DomainState(RUNNING, 1), True, OK),
        (DomainState(CRASHED, 1), True, IMPAIRED),
        (DomainState(PAUSED, 10), True, IMPAIRED),
        (DomainState(PAUSED, 5), True, IMPAIRED),
        (DomainState(PAUSED, 1), False, OK),
    ],
)
def test_a_guest_in_trouble_is_up_and_impaired(
    host: LibvirtHost, state: DomainState, running: bool, health: str
) -> None:
    launch(host)
    xml = parse(host.ask(Hypervisor.xml, ID))
    note = note_of(xml)
    assert note is not None
    guest = Found(note, state, xml).guest

    assert (guest.running, guest.health, guest.ended) == (running, health, "")


# Starting and ending the emulator


def test_a_launch_that_was_killed_is_cleaned_away_by_the_next_start(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.vm.libvirt.domains.Domains._undo", _nothing)
    monkeypatch.setattr(Hypervisor, "start", _fail)
    with pytest.raises(VMError):
        launch(host)
    monkeypatch.undo()
    assert host.domains() == {ID}
    assert len(host.volumes()) > 1

    assert host.result_of(host.manager.guests()) == []
    assert (host.domains(), host.volumes()) == (set(), {IMAGE})


def test_what_is_being_launched_is_nobodys_leftover(
    host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.vm.libvirt.domains.Domains._undo", _nothing)
    monkeypatch.setattr(Hypervisor, "start", _fail)
    with pytest.raises(VMError):
        launch(host)
    host.manager.launching.add(ID)
    host.result_of(host.manager.guests())

    assert host.domains() == {ID}


def test_guests_live_on_with_all_they_carry(host: LibvirtHost) -> None:
    launch(host)
    later = LibvirtHost()
    (guest,) = later.result_of(later.manager.guests())

    assert (guest.key, guest.memento, guest.running) == (SPEC.key, SPEC.memento, True)
    later.close()


def test_guests_are_shut_down_with_the_emulator_and_stay_defined(host: LibvirtHost) -> None:
    launch(host)
    held = LibvirtHost()
    held.ask(Hypervisor.domains)
    host.result_of(host.manager.close())

    (guest,) = held.result_of(held.manager.describe())
    assert (guest.running, guest.ended_well) == (False, True)
    assert held.result_of(held.manager.start(ID)).running
    held.close()


def _nothing(*_: object) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    done.callback(None)
    return done


def _fail(*_: object, **__: object) -> None:
    raise LibvirtError("it does not start")


# Following


@attrs.define
class Observer(GuestObserver):
    guests: list[list[str]] = attrs.field(factory=list)
    images: list[list[str]] = attrs.field(factory=list)
    changed: list[GuestKey] = attrs.field(factory=list)

    def guest_changed(self, key: GuestKey) -> None:
        self.changed.append(key)

    def images_changed(self, images: Any) -> None:
        self.images.append([image.image_id for image in images])

    def connected(self, guests: Any) -> None:
        self.guests.append([guest.instance_id for guest in guests])


def test_an_observer_hears_of_all_guests_and_images_first(host: LibvirtHost) -> None:
    launch(host)
    observer = Observer()
    host.manager.follow(observer)
    host.time.advance(1)

    assert (observer.guests, observer.images) == ([[ID]], [[IMAGE]])
    host.manager.follower.close()  # type: ignore[union-attr]


def test_an_observer_hears_of_changes_of_guests_of_this_emulator(host: LibvirtHost) -> None:
    launch(host)
    observer = Observer()
    host.manager.follow(observer)
    follower = host.manager.follower
    assert follower is not None
    for name in (ID, "test", "i-00000000000000001"):
        follower.domain_changed(host.manager.hosts.all[0], name)

    assert observer.changed == [SPEC.key]
    follower.close()
    follower.domain_changed(host.manager.hosts.all[0], ID)
    assert observer.changed == [SPEC.key]


def test_an_observer_hears_of_new_images(host: LibvirtHost) -> None:
    observer = Observer()
    host.manager.follow(observer)
    host.time.advance(1)
    host.add_image("ami-22222222")
    follower = host.manager.follower
    assert follower is not None
    for _ in range(3):
        follower.images_soon()
    host.time.advance(1)

    assert observer.images == [[IMAGE], [IMAGE, "ami-22222222"]]
    follower.close()


def test_after_a_broken_connection_everything_is_told_again(host: LibvirtHost) -> None:
    observer = Observer()
    host.manager.follow(observer)
    host.time.advance(1)
    launch(host)
    follower = host.manager.follower
    assert follower is not None
    follower.broke(host.manager.hosts.all[0])
    host.time.advance(1)

    assert observer.guests == [[], [ID]]
    follower.close()


# Several hypervisors

NODE = """
<node>
  <network><name>default</name><ip address='192.168.7.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.7.2' end='192.168.7.9'/></dhcp></ip></network>
  <pool type='dir'><name>default-pool</name><target><path>/pool</path></target></pool>
</node>
"""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[LibvirtHost]:
    places: dict[str, Place] = {}
    for zone in ("us-east-1a", "us-east-1b"):
        node = tmp_path / zone
        node.write_text(NODE)
        places[zone] = Place(uri=f"test://{node}", pool=POOL)
    host = LibvirtHost(places=places)
    for each in host.manager.hosts.all:
        host.result_of(each.connection.run(_add_image))
    yield host
    host.close()


def _add_image(hypervisor: Hypervisor) -> None:
    from emulator.vm.libvirt import blocking_storage as storage
    from emulator.vm.libvirt.volume_xml import NewVolume

    storage.create(hypervisor, POOL, NewVolume(IMAGE, 2 << 30))


def test_the_zone_picks_the_hypervisor(two: LibvirtHost) -> None:
    launch(two, attrs.evolve(SPEC, zone="us-east-1b"))
    where = {
        host.zone: two.result_of(host.connection.run(Hypervisor.domains))
        for host in two.manager.hosts.all
    }

    assert where == {"us-east-1a": [], "us-east-1b": [ID]}


def test_a_guest_is_found_wherever_it_is(two: LibvirtHost) -> None:
    launch(two, attrs.evolve(SPEC, zone="us-east-1b"))
    two.manager.hosts.forget(ID)
    two.result_of(two.manager.stop(ID, force=True))

    (guest,) = two.result_of(two.manager.describe())
    assert (guest.instance_id, guest.running) == (ID, False)
    two.result_of(two.manager.terminate(ID))
    assert two.result_of(two.manager.describe()) == []


def test_it_is_told_how_guests_run_on_each_hypervisor(two: LibvirtHost) -> None:
    launch(two, attrs.evolve(SPEC, zone="us-east-1b"))
    told = {fact["zone"]: fact["acceleration"] for fact in two.manager.hosts.facts()}

    assert told == {"us-east-1a": "not known yet", "us-east-1b": "test"}


def test_a_zone_without_a_hypervisor_launches_nothing(two: LibvirtHost) -> None:
    with pytest.raises(VMError, match="us-east-1c"):
        launch(two, attrs.evolve(SPEC, zone="us-east-1c"))


def test_each_hypervisor_has_the_image_and_it_is_one(two: LibvirtHost) -> None:
    assert [image.image_id for image in two.result_of(two.manager.images())] == [IMAGE]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("qemu:///system", {"": "qemu:///system"}),
        (
            "us-east-1a=qemu:///system, us-east-1b=qemu+ssh://root@b/system?keyfile=/k,x",
            {"us-east-1a": "qemu:///system", "us-east-1b": "qemu+ssh://root@b/system?keyfile=/k,x"},
        ),
        ("qemu+ssh://root@b/system?keyfile=/k", {"": "qemu+ssh://root@b/system?keyfile=/k"}),
    ],
)
def test_hypervisors_are_one_or_one_a_zone(text: str, found: dict[str, str]) -> None:
    assert hypervisors(text) == found


@pytest.mark.parametrize(
    "text", ["a=b,c", "qemu:///system,us-east-1b=qemu:///x", "a=q:///b,a=q:///c"]
)
def test_hypervisors_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        hypervisors(text)


def test_a_plugged_guest_initializes_until_it_asks_for_its_address(
    plugged: LibvirtHost, ports: Ports
) -> None:
    assert launch(plugged).health == INITIALIZING
    plugged.time.advance(5)
    before = look(plugged)
    ports.heard = True
    plugged.time.advance(1)
    after = look(plugged)

    assert before is not None
    assert before.health == INITIALIZING
    assert after is not None
    assert after.health == OK
