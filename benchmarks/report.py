"""Turns measurements into the table of demanded minimums and docs/performance.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from benchmarks.container import Container
    from benchmarks.machines import Machines
    from benchmarks.measures import Describes, Memory, Plan
    from benchmarks.virtual_machines import VirtualMachines


# Of one container each, and by hand as many.
LAUNCHES = 10


@attrs.define
class Results:
    """What was measured, each by the name of its server.

    Attributes:
        regions: DescribeRegions a second.
        launches: instances launched a second, 100 a call.
        starts: seconds from process start to the first answer.
        metadata: GETs of an instance's metadata a second, with a token.
        machines: launches of containers, where there is a Docker engine.
        virtual_machines: launches of those, where there is libvirt.
        container: the emulator's own container, where there is its image.
        import_seconds: seconds Python needs to import ``twisted.web.server``.
    """

    versions: dict[str, str] = attrs.field(factory=dict)
    regions: dict[str, float] = attrs.field(factory=dict)
    launches: dict[str, float] = attrs.field(factory=dict)
    describes: dict[str, Describes] = attrs.field(factory=dict)
    starts: dict[str, float] = attrs.field(factory=dict)
    metadata: dict[str, float] = attrs.field(factory=dict)
    import_seconds: float = 0
    memory: Memory | None = None
    machines: Machines | None = None
    virtual_machines: VirtualMachines | None = None
    container: Container | None = None


@attrs.frozen
class Demand:
    """One ratio and the bound it has to keep."""

    measure: str
    ratio: float
    bound: float
    unit: str
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the bound is kept."""
        return self.ratio <= self.bound if self.at_most else self.ratio >= self.bound

    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        sign = "≤" if self.at_most else "≥"
        return (
            self.measure,
            f"{number(self.ratio)} {self.unit}",
            f"{sign} {self.bound:g} {self.unit}",
            "yes" if self.is_met else "**NO**",
        )


def demands(results: Results) -> list[Demand]:
    """Every demanded ratio for which both sides were measured."""
    describing = {name: found.all_per_second for name, found in results.describes.items()}
    found = [
        *against(
            "DescribeRegions, 16 keep-alive connections",
            results.regions,
            {"echo": 0.4, "ministack": 2.5, "moto": 40},
        ),
        *against(
            "DescribeInstances, 1,000 instances, 4 connections",
            describing,
            {"ministack": 3, "moto": 500},
        ),
    ]
    own = results.describes.get("emulator")
    if own and own.changed_ms and own.unchanged_ms:
        ratio = own.changed_ms / own.unchanged_ms
        name = "the same right after one instance changed"
        found.append(Demand(name, ratio, 1.2, "× unchanged", at_most=True))
    found += against(
        "RunInstances, 1,000 instances in 10 calls", results.launches, {"ministack": 1, "moto": 15}
    )
    if "echo" in results.regions:
        found += against(
            "metadata of an instance, GET with a token, 16 connections",
            {**results.metadata, "echo": results.regions["echo"]},
            {"echo": 0.4},
        )
    if results.memory:
        kib = results.memory.per_instance_kib
        found.append(Demand("memory per mock instance", kib, 12, "KiB", at_most=True))
    if "emulator" in results.starts and results.import_seconds:
        ratio = results.starts["emulator"] / results.import_seconds
        name = "process start to first answered request"
        found.append(Demand(name, ratio, 3, "× import", at_most=True))
    return [
        *found,
        *_of_machines(results.machines),
        *_of_virtual_machines(results.virtual_machines),
        *_of_container(results.container),
    ]


def _of_container(container: Container | None) -> list[Demand]:
    if container is None:
        return []
    rows = (
        ("container: image on top of its base", container.added_mb, 150, "MB"),
        ("container: start to first answered request", container.start_seconds, 1.5, "s"),
        ("container: memory at rest", container.idle_mib, 80, "MiB"),
    )
    return [Demand(*row, at_most=True) for row in rows]


def _of_machines(machines: Machines | None) -> list[Demand]:
    if machines is None:
        return []
    one = machines.banner_seconds / machines.by_hand_seconds
    twenty = machines.twenty_seconds / machines.twenty_by_hand_seconds
    rows = (
        ("docker manager: RunInstances answered", machines.answer_ms, 30, "ms"),
        ("docker manager: RunInstances to SSH banner", one, 1.3, "× by hand"),
        ("docker manager: 20 in one call to all SSH banners", twenty, 1.5, "× by hand"),
        (
            "docker manager: DescribeInstances while 20 launch, p99",
            machines.describe_p99_ms,
            50,
            "ms",
        ),
    )
    return [Demand(*row, at_most=True) for row in rows]


def _of_virtual_machines(machines: VirtualMachines | None) -> list[Demand]:
    if machines is None:
        return []
    beyond = machines.running_seconds - machines.by_hand_seconds
    name = "libvirt manager: RunInstances to running, beyond `virsh start`"
    return [Demand(name, beyond, 1, "s", at_most=True)]


def against(
    measure: str, rates: Mapping[str, float], minimums: Mapping[str, float]
) -> list[Demand]:
    """Our rate as a multiple of others'."""
    if "emulator" not in rates:
        return []
    return [
        Demand(measure, rates["emulator"] / rates[other], minimum, f"× {other}")
        for other, minimum in minimums.items()
        if other in rates
    ]


def measured(results: Results) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of everything that was measured."""
    names = list(results.versions)
    describing = results.describes

    def row(measure: str, values: Mapping[str, float | None]) -> list[str]:
        return [measure, *(number(values.get(name)) for name in names)]

    def field(name: str) -> dict[str, float | None]:
        return {server: getattr(found, name) for server, found in describing.items()}

    rows = [
        row("DescribeRegions, requests/s, 16 connections", results.regions),
        row("DescribeInstances of 1,000, requests/s, 4 connections", field("all_per_second")),
        row("… ms, one connection, nothing changed before", field("unchanged_ms")),
        row("… ms, one connection, one instance changed before", field("changed_ms")),
        row("… bytes of the answer", field("answer_bytes")),
        row("… requests/s, filtered to one by a tag, 4 connections", field("filtered_per_second")),
        row("RunInstances of 100, instances/s, one connection", results.launches),
        row("RunInstances of 1, requests/s, one connection", field("launches_per_second")),
        row("CreateTags on one instance, requests/s, 16 connections", field("tags_per_second")),
        row("metadata of an instance, GETs/s with a token, 16 connections", results.metadata),
        row("process start to first answer, s", results.starts),
    ]
    return ["measure", *names], rows


def number(value: float | None) -> str:
    """Three significant digits, thousands set apart."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}" if abs(value) >= 1 else f"{value:.3g}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that reads well as plain text, too."""
    columns = list(zip(heads, *rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(heads), rule, *(line(row) for row in rows)])


def tables(results: Results) -> str:
    """The demanded ratios, then what they were made from."""
    parts = []
    if rows := [demand.cells() for demand in demands(results)]:
        parts.append(table(("measure", "measured", "demanded", "met"), rows))
    parts.append(table(*measured(results)))
    if results.memory:
        parts.append(
            f"Resident memory: {results.memory.empty_mib:.0f} MiB with a VPC and no instance; "
            f"{results.memory.per_instance_kib:.1f} KiB more for each mock instance, "
            f"{results.memory.per_described_kib:.1f} KiB once each has been described."
        )
    if results.virtual_machines:
        vms = results.virtual_machines
        parts.append(
            f"Virtual machines: running {vms.running_seconds:.2f} s after RunInstances, which "
            f"answers in {vms.answer_ms:.1f} ms; `virsh start` of the same domain takes "
            f"{vms.by_hand_seconds:.2f} s. A new instance's disks take up {vms.disk_mb:.1f} MB."
        )
    if results.machines:
        found = results.machines
        parts.append(
            f"Containers: an instance has SSH {found.banner_seconds:.2f} s after RunInstances, a "
            f"container run by hand {found.by_hand_seconds:.2f} s after `docker run`; 20 at once "
            f"{found.twenty_seconds:.1f} s and {found.twenty_by_hand_seconds:.1f} s."
        )
    if results.import_seconds:
        parts.append(f"`import twisted.web.server` alone: {results.import_seconds:.2f} s.")
    return "\n\n".join(parts)


def machine() -> str:
    """The machine in one line."""
    cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in cpus if "model name" in line), "unknown")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} cores ({model}), {pages / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"load average before the run {os.getloadavg()[0]:.1f}"
    )


def page(results: Results, plan: Plan, where: str) -> str:
    """The whole of docs/performance.md."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return METHOD.format(
        tables=tables(results),
        where=where,
        versions=versions.replace("echo ", "echo on Twisted "),
        seconds=f"{plan.seconds:g}",
        repeats_of_launches=LAUNCHES,
        **attrs.asdict(plan, filter=lambda field, _: field.name != "seconds"),
    )


METHOD = """# Performance

Written by `make bench`; a benchmark and not a test, so read it with its machine in mind.

{tables}

## How it was measured

Machine: {where}.
Versions: {versions}.

The servers run one after the other on the same machine, on loopback, each in a Python
environment of its own (the echo and the emulator share one) and each as a fresh process with
the settings it comes with; the emulator with `EC2_VM_MANAGER=mock`. The echo is
`benchmarks/echo_server.py`: Twisted and httptools, answering with the request's body. Every
request is a form-encoded POST with a complete `Authorization` header. An answer that is an
error fails the run, and so does a describe that does not hold exactly 1,000 instances.

* **Requests a second**: `wrk`, one thread, kept connections, the median of {repeats} phases
  of {seconds} s. A server that needs more than half a second for one request gets a single
  request on each connection at once instead.
* **After a change**: one connection, {alternations} times in turn: DescribeRegions, then a
  timed DescribeInstances; CreateTags with a new value on one instance (each time another),
  then a timed DescribeInstances. Medians. Only the describes are timed, to the last byte.
* **RunInstances of 100**: ten calls, one after the other, on a fresh server; the median of
  {repeats} emulators, and one of each other. **Of 1**: fifty calls, with 1,000 there already.
* **Metadata of an instance**: `benchmarks/metadata_server.py`, the metadata service of one
  mock instance on loopback; `instance-id` with a session token.
* **Memory**: growth of VmRSS over {mock_instances:,} instances launched in calls of 1,000
  into one VPC with a /16 subnet, once all are running; then again after describing them all.
* **Containers**: `benchmarks/machines.py`, an image with sshd; {repeats_of_launches} launches, as
  many `docker run` with a published port and a fixed address, in turn, each until the first bytes
  of SSH; medians. Then 20 instances in one call, DescribeInstances being asked all the while, and
  20 `docker run` at once.
* **Virtual machines**: `benchmarks/virtual_machines.py`, the tests' cloud image, one processor; 5
  launches and as many `virsh start` of the same domains after they were powered off, in turn;
  medians. Running is what DescribeInstances says; no boot is waited for.
* **The container**: `benchmarks/container.py`, run with the engine's socket as the README does;
  the start from before `docker run` to the end of the first answer, the median of {starts}; memory
  as `docker stats` tells it, 15 s after that.
* **Start**: from before the process exists to the end of its first answer, asked every 2 ms;
  the median of {starts} starts (of moto and ministack 3) after one that warms the file
  cache; every server's modules are compiled, as pip leaves them. The yardstick is
  `python -c "import twisted.web.server"` in the same environment, measured the same way.
"""
