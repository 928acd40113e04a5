from __future__ import annotations

import uuid

import attrs
import pytest
from lxml import etree

from emulator.vm.interface import GuestKey
from emulator.vm.libvirt.domain import (
    KVM,
    QEMU,
    Disk,
    Domain,
    LinkPort,
    Machine,
    NetworkPort,
    Note,
)
from emulator.vm.libvirt.domain_xml import (
    ROOT_PORTS,
    BadXml,
    disk_element,
    disks_of,
    display_of,
    domain_like,
    domain_xml,
    note_of,
    note_update,
    parse,
    ports_of,
    write,
)

HOSTILE = "</name><devices/>\"'&amp;<!--]]>%s${x}\\\n\té\N{SNOWMAN}"
KEY = GuestKey("000000000000", "us-east-1", "i-0123456789abcdef0")
DISKS = (
    Disk("default", "vol-0123456789abcdef0", "vda", serial="vol0123456789abcdef0"),
    Disk("default", "i-0123456789abcdef0.seed", "vdz", "raw", is_read_only=True),
)
DOMAIN = Domain(
    machine=Machine(KVM, machine="pc", cpu_mode="host-passthrough"),
    note=Note(KEY, "default", "ami-11aabbcc", '{"Instance":[]}', "172.31.0.10"),
    instance_type="t3.micro",
    vcpus=2,
    memory_mib=1024,
    disks=DISKS,
    ports=(NetworkPort("default", "0a:00:00:00:00:01"),),
    console_log="/pool/i-0123456789abcdef0.console",
)
TEMPLATE = """
<domain type='kvm' id='7'>
  <name>golden</name><uuid>7a5b0f0e-8a51-4b57-8f0b-0123456789ab</uuid><title>mine</title>
  <metadata><app:x xmlns:app="urn:other">1</app:x></metadata>
  <memory unit='KiB'>4194304</memory><currentMemory unit='KiB'>4194304</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>
    <nvram>/var/lib/libvirt/qemu/nvram/golden_VARS.fd</nvram></os>
  <features><acpi/><smm state='on'/></features>
  <cpu mode='custom'><model>EPYC</model></cpu>
  <devices>
    <emulator>/opt/qemu</emulator>
    <disk type='file' device='disk'><source file='/golden.qcow2'/><target dev='vda'/></disk>
    <interface type='bridge'><source bridge='br0'/></interface>
    <serial type='tcp'><source mode='bind' host='0.0.0.0' service='2445'/></serial>
    <graphics type='spice' port='5930'/>
    <filesystem type='mount'><source dir='/home'/><target dir='home'/></filesystem>
    <hostdev mode='subsystem' type='usb'/>
    <video><model type='qxl'/></video>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
  </devices>
</domain>
"""


def root_of(domain: Domain) -> etree._Element:
    return parse(domain_xml(domain))


def test_a_domain_is_called_as_its_instance_and_has_what_its_type_has() -> None:
    root = root_of(DOMAIN)

    assert (root.get("type"), root.findtext("name")) == ("kvm", KEY.instance_id)
    assert (root.findtext("vcpu"), root.findtext("memory")) == ("2", "1024")
    assert root.find("cpu").get("mode") == "host-passthrough"  # type: ignore[union-attr]


def test_no_domain_gets_more_memory_than_the_machine_has() -> None:
    small = attrs.evolve(DOMAIN, machine=attrs.evolve(DOMAIN.machine, memory_mib=512))

    assert root_of(small).findtext("memory") == "512"


def test_the_uuid_is_the_instances_own_and_begins_as_those_of_ec2_do() -> None:
    other = attrs.evolve(DOMAIN, note=attrs.evolve(DOMAIN.note, key=attrs.evolve(KEY, region="x")))

    assert DOMAIN.uuid.startswith("ec2")
    assert uuid.UUID(DOMAIN.uuid).version == 4
    assert other.uuid != DOMAIN.uuid
    assert root_of(DOMAIN).findtext("uuid") == DOMAIN.uuid


def test_the_firmware_says_what_that_of_ec2_says() -> None:
    root = root_of(DOMAIN)
    said = {
        (entry.getparent().tag, entry.get("name")): entry.text  # type: ignore[union-attr]
        for entry in root.iterfind("sysinfo/*/entry")
    }

    assert said["system", "manufacturer"] == "Amazon EC2"
    assert said["system", "product"] == "t3.micro"
    assert said["system", "uuid"] == said["system", "serial"] == DOMAIN.uuid
    assert said["baseBoard", "asset"] == KEY.instance_id


def test_a_guest_has_a_console_that_is_kept_a_display_randomness_and_a_power_button() -> None:
    root = root_of(DOMAIN)

    assert root.find("devices/serial/log").attrib == {  # type: ignore[union-attr]
        "file": "/pool/i-0123456789abcdef0.console",
        "append": "on",
    }
    assert root.find("devices/graphics[@type='vnc']") is not None
    assert root.findtext("devices/rng/backend") == "/dev/urandom"
    assert root.find("features/acpi") is not None
    assert root.find("devices/graphics/listen").get("address") == "127.0.0.1"  # type: ignore[union-attr]


def test_without_a_file_for_it_the_console_is_not_kept() -> None:
    root = root_of(attrs.evolve(DOMAIN, console_log=""))

    assert root.find("devices/serial/log") is None


def test_a_machine_whose_slots_cannot_be_hot_plugged_has_ports_to_plug_into() -> None:
    q35 = attrs.evolve(DOMAIN, machine=Machine(QEMU, machine="q35"))

    assert len(root_of(q35).findall("devices/controller[@model='pcie-root-port']")) == ROOT_PORTS
    assert root_of(DOMAIN).find("devices/controller[@model='pcie-root-port']") is None


def test_disks_and_interfaces_are_read_back_as_they_were_written() -> None:
    linked = attrs.evolve(DOMAIN, ports=(*DOMAIN.ports, LinkPort("ec2-0123", "0a:00:00:00:00:02")))
    root = root_of(linked)

    assert tuple(disks_of(root)) == DISKS
    assert tuple(ports_of(root)) == linked.ports


def test_what_a_user_gave_a_domain_is_no_disk_of_a_pool() -> None:
    root = root_of(DOMAIN)
    disk = etree.SubElement(root.find("devices"), "disk", {"type": "file"})  # type: ignore[arg-type]
    etree.SubElement(disk, "source", {"file": "/mine.iso"})

    assert tuple(disks_of(root)) == DISKS


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_note_is_read_back_as_it_was_written(is_whole: bool) -> None:
    note = attrs.evolve(DOMAIN.note, address="192.168.122.7", is_whole=is_whole)

    assert note_of(root_of(attrs.evolve(DOMAIN, note=note))) == note


def test_a_domain_of_somebody_elses_has_no_note() -> None:
    assert note_of(parse(TEMPLATE)) is None


def test_a_copy_of_an_instances_domain_is_no_instance() -> None:
    root = root_of(DOMAIN)
    root.find("name").text = "i-0123456789abcdef0-clone"  # type: ignore[union-attr]

    assert note_of(root) is None


def test_hostile_text_stays_text() -> None:
    note = attrs.evolve(DOMAIN.note, memento=HOSTILE, image_id=HOSTILE.replace("\n\t", ""))
    domain = attrs.evolve(
        DOMAIN,
        note=note,
        instance_type=HOSTILE,
        console_log=HOSTILE.replace("\n\t", ""),
        disks=(Disk(HOSTILE.replace("\n\t", ""), "v", "vda", serial=HOSTILE),),
    )
    root = root_of(domain)

    assert note_of(root) == note
    assert len(root.findall("devices")) == 1
    assert root.findtext("sysinfo/system/entry[@name='product']") == HOSTILE
    assert root.find("devices/serial/log").get("file") == domain.console_log  # type: ignore[union-attr]
    assert next(disks_of(root)).serial == HOSTILE
    assert parse(note_update(note)).text == HOSTILE


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud800", "\uffff"])
def test_what_no_xml_can_hold_is_refused(character: str) -> None:
    bad = attrs.evolve(DOMAIN, note=attrs.evolve(DOMAIN.note, memento=character))

    with pytest.raises(BadXml):
        domain_xml(bad)
    with pytest.raises(BadXml):
        domain_xml(attrs.evolve(DOMAIN, instance_type=character))
    with pytest.raises(BadXml):
        write(disk_element(Disk("p", "v", "vda", serial=character)))


@pytest.mark.parametrize(
    "text", ["", "no xml", "<domain>", '<!DOCTYPE d [<!ENTITY a "b">]><d>', "<d>\ud800</d>"]
)
def test_what_is_no_xml_is_refused(text: str) -> None:
    with pytest.raises(BadXml):
        parse(text)


def test_no_entity_reads_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "file"
    secret.write_text("secret")
    root = parse(f'<!DOCTYPE d [<!ENTITY x SYSTEM "{secret.as_uri()}">]><d>&x;</d>')

    assert "secret" not in "".join(root.itertext())


def test_a_display_is_told_as_virsh_tells_it() -> None:
    root = root_of(DOMAIN)
    assert display_of(root) is None

    graphics = root.find("devices/graphics")
    assert graphics is not None
    graphics.set("port", "5903")
    assert display_of(root) == "127.0.0.1:3"


# A domain made like another


def test_a_domain_made_like_another_is_the_instances_in_the_others_machine() -> None:
    root = parse(domain_like(TEMPLATE, DOMAIN))

    assert root.get("id") is None
    assert (root.findtext("name"), root.findtext("uuid")) == (DOMAIN.name, DOMAIN.uuid)
    assert (root.findtext("vcpu"), root.findtext("memory")) == ("2", "1024")
    assert root.find("vcpu").get("current") is None  # type: ignore[union-attr]
    assert root.find("currentMemory") is None
    assert note_of(root) == DOMAIN.note
    assert tuple(disks_of(root)) == DISKS
    assert tuple(ports_of(root)) == DOMAIN.ports
    assert root.find("os").get("firmware") == "efi"  # type: ignore[union-attr]
    assert root.findtext("cpu/model") == "EPYC"
    assert root.findtext("devices/emulator") == "/opt/qemu"
    assert root.find("devices/video/model").get("type") == "qxl"  # type: ignore[union-attr]
    assert root.find("devices/tpm") is not None


def test_nothing_of_the_others_own_is_taken_along() -> None:
    text = domain_like(TEMPLATE, DOMAIN)

    for own in ("golden", "/home", "br0", "2445", "5930", "hostdev", "mine", "urn:other"):
        assert own not in text


def test_what_is_no_domain_makes_none() -> None:
    with pytest.raises(BadXml):
        domain_like("<network/>", DOMAIN)
