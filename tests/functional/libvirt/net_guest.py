"""A guest that is up in seconds: the cloud image's kernel, busybox, and a script that talks.

It asks for its address, its metadata and its name, tells on its console what it heard, serves
HTTP at port 8000, and then tells of interfaces that come and go.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.functional.libvirt.hypervisor import IMAGE, Hypervisor

PARTITION_OFFSET = 1048576
# In the order in which they need each other.
MODULES = (
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
)
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
exec >/dev/ttyS0 2>&1
for module in {modules}; do insmod /$module.ko; done
ip link set lo up
cat >/told <<'TOLD'
#!/bin/sh
[ "$1" = bound ] || exit 0
echo "LEASE $interface $ip/$mask $router $dns $hostname $domain"
[ "$interface" = eth0 ] || exit 0
ip address add $ip/$mask dev $interface
ip route add default via $router
echo "nameserver $dns" >/etc/resolv.conf
TOLD
chmod +x /told
ask_for_address() {{
    ip link set $1 up
    udhcpc -i $1 -f -q -n -t 10 -T 2 -s /told -O hostname -O domain
}}
ask_for_address eth0
service=169.254.169.254
token=$(printf 'PUT /latest/api/token HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\
X-aws-ec2-metadata-token-ttl-seconds: 600\\r\\n\\r\\n' | nc $service 80 | tail -n 1)
for path in instance-id local-ipv4 mac local-hostname; do
    heard=$(wget -q -O - --header "X-aws-ec2-metadata-token: $token" \
        http://$service/latest/meta-data/$path)
    echo "METADATA $path $heard"
done
nslookup $heard | sed 's/^/NAME /'
echo hello >/index.html; httpd -p 8000 -h /
echo READY
seen=" eth0 "
while true; do
    for path in /sys/class/net/eth*; do
        name=${{path##*/}}
        case $seen in *" $name "*) continue ;; esac
        seen="$seen$name "
        echo "LINK $name $(cat $path/address)"
        ask_for_address $name
    done
    for name in $seen; do
        [ -e /sys/class/net/$name ] || {{ echo "GONE $name"; seen=" eth0 "; }}
    done
    sleep 1
done
"""


def put(hypervisor: Hypervisor, folder: Path) -> str:
    """Put an AMI into the pool whose guests are such, and return its id."""
    image_id = f"ami-{uuid4().hex[:17]}"
    raw = folder / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(IMAGE), str(raw)], check=True)
    with _mounted(raw, folder / "root") as root:
        initial = next((root / "boot").glob("initrd.img-*"))
        modules = root / "lib/modules" / initial.name.partition("-")[2] / "kernel"
        archive = gzip.compress(b"".join(_archive(modules)))
        # In place: the boot loader finds what it found before.
        assert len(archive) <= initial.stat().st_size
        with initial.open("r+b") as file:
            file.write(archive)
            file.truncate()
    target = str(hypervisor.folder / image_id)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(raw), target], check=True)
    raw.unlink()
    hypervisor("pool-refresh", hypervisor.pool)
    return image_id


@contextmanager
def _mounted(raw: Path, root: Path) -> Iterator[Path]:
    root.mkdir()
    options = f"loop,offset={PARTITION_OFFSET}"
    subprocess.run(["mount", "-o", options, str(raw), str(root)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


def _archive(modules: Path) -> Iterator[bytes]:
    """Yield the pieces of an initial RAM file system (the kernel's "initramfs buffer format")."""
    names = " ".join(each.rpartition("/")[2] for each in MODULES)
    busybox = shutil.which("busybox")
    assert busybox is not None
    for name in ("bin", "proc", "sys", "dev", "etc"):
        yield _entry(name, 0o040755, b"")
    yield _entry("init", 0o100755, INIT.format(modules=names).encode())
    yield _entry("bin/busybox", 0o100755, Path(busybox).read_bytes())
    for each in MODULES:
        yield _entry(
            f"{each.rpartition('/')[2]}.ko", 0o100644, (modules / f"{each}.ko").read_bytes()
        )
    yield _entry("TRAILER!!!", 0, b"")


def _entry(name: str, mode: int, data: bytes) -> bytes:
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % each for each in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
