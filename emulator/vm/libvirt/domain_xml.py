"""Domains as libvirt's XML, and back; pure.

Source: libvirt's documentation, "Domain XML format". Nothing is ever pasted into a text: lxml
escapes whatever a value holds, and refuses characters that no XML may have.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from lxml import etree

from emulator.vm.interface import GuestKey, VMError
from emulator.vm.libvirt.domain import (
    KVM,
    QEMU,
    TEST,
    Disk,
    Domain,
    LinkPort,
    NetworkPort,
    Note,
    Port,
)

NOTE_URI = "urn:ec2-emulator:instance:1"
NOTE_PREFIX = "ec2"
_NOTE = f"{{{NOTE_URI}}}instance"

GUEST_AGENT = "org.qemu.guest_agent.0"
# A Q35 machine takes a hot-plugged device only at a port that is free; EC2 allows some 28
# attachments, and every port makes the firmware slower.
ROOT_PORTS = 16
# What a template keeps apart from the machine itself is replaced: it is the template's own.
_REPLACED = ("name", "uuid", "title", "description", "genid", "memory", "currentMemory", "vcpu")
_REPLACED_DEVICES = ("disk", "interface", "serial", "console", "graphics", "hostdev", "filesystem")


class BadXml(VMError):
    """A value cannot be written as XML, or a text is not the XML that it should be."""


def parse(text: str) -> etree._Element:
    """Return the root element of XML that libvirt gave.

    Raises:
        BadXml: it is none.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        raise BadXml(f"no XML: {error}") from None


def write(element: etree._Element) -> str:
    """Return an element as text."""
    return etree.tostring(element, encoding="unicode", pretty_print=True)


def add(
    parent: etree._Element, tag: str, text: str | int | None = None, /, **attributes: str | int
) -> etree._Element:
    """Append an element and return it; an underscore at a name's end is left out.

    Raises:
        BadXml: a value has characters that XML cannot hold.
    """
    try:
        values = {name.rstrip("_"): str(value) for name, value in attributes.items()}
        element = etree.SubElement(parent, tag, values)
        if text is not None:
            element.text = str(text)
    except ValueError as error:
        raise BadXml(f"{tag}: {error}") from None
    return element


# The whole domain


def domain_xml(domain: Domain) -> str:
    """Return a domain as XML to define.

    Raises:
        BadXml: a value has characters that XML cannot hold.
    """
    root = etree.Element("domain", {"type": domain.machine.kind})
    _add_identity(root, domain)
    if domain.machine.kind != TEST:
        _add_firmware(root, domain)
    system = add(root, "os")
    kind = add(system, "type", "hvm", arch=domain.machine.architecture)
    if domain.machine.machine:
        kind.set("machine", domain.machine.machine)
    add(system, "boot", dev="hd")
    if domain.machine.kind != TEST:
        add(system, "smbios", mode="sysinfo")
    features = add(root, "features")
    add(features, "acpi")
    add(features, "apic")
    if domain.machine.cpu_mode:
        add(root, "cpu", mode=domain.machine.cpu_mode)
    add(root, "clock", offset="utc")
    add(root, "on_poweroff", "destroy")
    add(root, "on_reboot", "restart")
    # A kernel that panicked stays what it is, as on EC2, where a status check tells of it.
    add(root, "on_crash", "preserve" if domain.machine.kind in (KVM, QEMU) else "destroy")
    devices = add(root, "devices")
    _add_own_devices(devices, domain)
    _add_standard_devices(devices, domain)
    return write(root)


def domain_like(template: str, domain: Domain) -> str:
    """Return a domain as XML to define, made of another domain's.

    What kind of machine it is, and every device that is not named below, is the template's: its
    firmware, processor, video, further controllers. Name, UUID, size, disks, interfaces, serial
    console, display and whatever the template's own machine passes through are the instance's.

    Raises:
        BadXml: the template is no domain, or a value has characters that XML cannot hold.
    """
    root = copy.deepcopy(parse(template))
    if root.tag != "domain":
        raise BadXml(f"<{root.tag}> is no domain")
    if "id" in root.attrib:
        del root.attrib["id"]
    for tag in (*_REPLACED, "metadata", "sysinfo"):
        for element in root.findall(tag):
            root.remove(element)
    identity = etree.Element("domain")
    _add_identity(identity, domain)
    for position, element in enumerate(list(identity)):
        root.insert(position, element)
    for nvram in root.findall("os/nvram"):
        # Each machine has its own; libvirt makes it of the firmware's template.
        nvram.text = None
    devices = root.find("devices")
    if devices is None:
        devices = add(root, "devices")
    for tag in _REPLACED_DEVICES:
        for element in devices.findall(tag):
            devices.remove(element)
    for element in devices.findall("channel/source[@path]") + devices.findall("tpm/backend/source"):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    _add_own_devices(devices, domain)
    return write(root)


def _add_identity(root: etree._Element, domain: Domain) -> None:
    add(root, "name", domain.name)
    add(root, "uuid", domain.uuid)
    metadata = add(root, "metadata")
    metadata.append(note_element(domain.note))
    memory = min(domain.memory_mib, domain.machine.memory_mib or domain.memory_mib)
    add(root, "memory", memory, unit="MiB")
    add(root, "vcpu", domain.vcpus)


def _add_firmware(root: etree._Element, domain: Domain) -> None:
    """Let the firmware's tables say what EC2's say, by which programs know where they are.

    Source: "Identify EC2 instances", and what cloud-init looks at.
    """
    tables = add(root, "sysinfo", type="smbios")
    add(add(tables, "bios"), "entry", "Amazon EC2", name="vendor")
    system = add(tables, "system")
    for name, value in (
        ("manufacturer", "Amazon EC2"),
        ("product", domain.instance_type),
        ("serial", domain.uuid),
        ("uuid", domain.uuid),
    ):
        add(system, "entry", value, name=name)
    board = add(tables, "baseBoard")
    add(board, "entry", "Amazon EC2", name="manufacturer")
    add(board, "entry", domain.name, name="asset")
    add(add(tables, "chassis"), "entry", "Amazon EC2", name="manufacturer")


def _add_own_devices(devices: etree._Element, domain: Domain) -> None:
    for disk in domain.disks:
        devices.append(disk_element(disk))
    for port in domain.ports:
        devices.append(port_element(port))
    serial = add(devices, "serial", type="pty")
    add(serial, "target", port=0)
    if domain.console_log:
        add(serial, "log", file=domain.console_log, append="on")
    add(add(devices, "console", type="pty"), "target", type="serial", port=0)
    graphics = add(devices, "graphics", type="vnc", port=-1, autoport="yes")
    add(graphics, "listen", type="address", address="127.0.0.1")


def _add_standard_devices(devices: etree._Element, domain: Domain) -> None:
    add(add(devices, "video"), "model", type="vga")
    if domain.machine.kind == TEST:
        return
    add(devices, "controller", type="usb", model="none")
    if "q35" in domain.machine.machine:
        for _ in range(ROOT_PORTS):
            add(devices, "controller", type="pci", model="pcie-root-port")
    channel = add(devices, "channel", type="unix")
    add(channel, "target", type="virtio", name=GUEST_AGENT)
    random = add(devices, "rng", model="virtio")
    add(random, "backend", "/dev/urandom", model="random")
    add(devices, "memballoon", model="virtio")
    if domain.machine.architecture in ("x86_64", "i686"):
        add(devices, "panic", model="isa")


# Parts of it


def note_element(note: Note) -> etree._Element:
    """Return the element that a domain carries in its metadata.

    Raises:
        BadXml: a value has characters that XML cannot hold.
    """
    element = etree.Element(_NOTE, nsmap={NOTE_PREFIX: NOTE_URI})
    return _filled(element, note)


def note_update(note: Note) -> str:
    """Return what takes that element's place: libvirt puts it into the namespace itself.

    Raises:
        BadXml: a value has characters that XML cannot hold.
    """
    return write(_filled(etree.Element(etree.QName(_NOTE).localname), note))


def _filled(element: etree._Element, note: Note) -> etree._Element:
    fields = {
        "id": note.key.instance_id,
        "account": note.key.account,
        "region": note.key.region,
        "namespace": note.namespace,
        "image": note.image_id,
        "private-ip": note.private_ip,
        "address": note.address,
        "whole": "yes" if note.is_whole else "no",
    }
    try:
        for name, value in fields.items():
            element.set(name, value)
        element.text = note.memento
    except ValueError as error:
        raise BadXml(f"the note of {note.key}: {error}") from None
    return element


def note_of(domain: etree._Element) -> Note | None:
    """Return what a domain says of its instance; None: it is none of the emulator's."""
    element = domain.find(f"metadata/{_NOTE}")
    if element is None:
        return None
    key = GuestKey(element.get("account", ""), element.get("region", ""), element.get("id", ""))
    if not all((key.account, key.region, key.instance_id)):
        return None
    if key.instance_id != domain.findtext("name"):
        # A copy of an instance's domain, such as virt-clone makes.
        return None
    return Note(
        key=key,
        namespace=element.get("namespace", ""),
        image_id=element.get("image", ""),
        memento=element.text or "",
        private_ip=element.get("private-ip", ""),
        address=element.get("address", ""),
        is_whole=element.get("whole") == "yes",
    )


def disk_element(disk: Disk) -> etree._Element:
    """Return a disk, to define or to attach."""
    element = etree.Element("disk", {"type": "volume", "device": "disk"})
    driver = add(element, "driver", name="qemu", type=disk.format)
    if not disk.is_read_only:
        driver.set("discard", "unmap")
    add(element, "source", pool=disk.pool, volume=disk.volume)
    add(element, "target", dev=disk.target, bus=disk.bus)
    if disk.is_read_only:
        add(element, "readonly")
    if disk.serial:
        add(element, "serial", disk.serial)
    return element


def disks_of(domain: etree._Element) -> Iterator[Disk]:
    """Yield the disks of a domain that are volumes of a pool."""
    for element in domain.iterfind("devices/disk[@type='volume']"):
        source, target, driver = (element.find(tag) for tag in ("source", "target", "driver"))
        if source is None or target is None:
            continue
        yield Disk(
            pool=source.get("pool", ""),
            volume=source.get("volume", ""),
            target=target.get("dev", ""),
            format="raw" if driver is None else driver.get("type", "raw"),
            serial=element.findtext("serial") or "",
            is_read_only=element.find("readonly") is not None,
        )


def port_element(port: Port) -> etree._Element:
    """Return an interface, to define or to attach."""
    if isinstance(port, NetworkPort):
        element = etree.Element("interface", {"type": "network"})
        add(element, "mac", address=port.mac_address)
        add(element, "source", network=port.network)
        if port.nwfilter:
            add(element, "filterref", filter=port.nwfilter)
    else:
        element = etree.Element("interface", {"type": "direct"})
        add(element, "mac", address=port.mac_address)
        add(element, "source", dev=port.link, mode="private")
        if port.mtu:
            add(element, "mtu", size=port.mtu)
    add(element, "model", type="virtio")
    return element


def ports_of(domain: etree._Element) -> Iterator[Port]:
    """Yield a domain's interfaces that are of the emulator's kinds."""
    for element in domain.iterfind("devices/interface"):
        mac, source = (element.find(tag) for tag in ("mac", "source"))
        address = "" if mac is None else mac.get("address", "")
        if element.get("type") == "network" and source is not None:
            guard = element.find("filterref")
            nwfilter = "" if guard is None else guard.get("filter", "")
            yield NetworkPort(source.get("network", ""), address, nwfilter)
        elif element.get("type") == "direct" and source is not None:
            yield LinkPort(source.get("dev", ""), address)


def display_of(domain: etree._Element) -> str | None:
    """Return where a running domain's VNC display is, as ``virsh vncdisplay`` says it."""
    graphics = domain.find("devices/graphics[@type='vnc']")
    port = -1 if graphics is None else int(graphics.get("port", "-1"))
    if graphics is None or port < FIRST_DISPLAY_PORT:
        return None
    listen = graphics.find("listen[@type='address']")
    address = graphics.get("listen") or ("" if listen is None else listen.get("address", ""))
    return f"{address or '127.0.0.1'}:{port - FIRST_DISPLAY_PORT}"


FIRST_DISPLAY_PORT = 5900
