"""``make bench``: measures every server, prints the tables, writes docs/performance.md."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import attrs

from benchmarks import container, machines, measures, report, virtual_machines
from benchmarks.servers import EMULATOR, METADATA, ROOT, SERVERS, Server

T = TypeVar("T")

QUICK = {"seconds": 1, "repeats": 1, "alternations": 10, "starts": 3, "mock_instances": 5_000}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run, nothing written")
    parser.add_argument(
        "--only",
        type=lambda names: [SERVERS[name] for name in names.split(",")],
        default=list(SERVERS.values()),
        metavar="NAME,NAME",
        help=f"only some of {', '.join(SERVERS)}; nothing written",
    )
    parser.add_argument("--port", type=int, default=14566, help="where the servers listen")
    options = parser.parse_args()
    plan = measures.Plan(options.port, **QUICK if options.quick else {})

    where = report.machine()
    results = report.Results()
    began = time.perf_counter()
    for server in options.only:
        server.install()
    for server in options.only:
        measure(server, plan, results)
    if EMULATOR in options.only:
        measure_machines(options.port, results)
        measure_virtual_machines(options.port, results)
        measure_container(plan, results)
    print(f"\n{report.tables(results)}\n\n{time.perf_counter() - began:.0f} seconds. {where}")

    if not options.quick and len(options.only) == len(SERVERS):
        page = ROOT / "docs" / "performance.md"
        page.write_text(report.page(results, plan, where), encoding="utf-8")
        print(f"Written to {page.relative_to(ROOT)}")


def measure(server: Server, plan: measures.Plan, results: report.Results) -> None:
    """Take every measurement that makes sense of one server."""
    name = server.name
    results.versions[name] = server.version()
    results.regions[name] = said(name, "DescribeRegions", measures.regions, server, plan)
    if server.image_id:
        # The others are far slower to start and to launch; fewer repeats keep the run short.
        fewer = plan if server is EMULATOR else attrs.evolve(plan, repeats=1, starts=3)
        results.launches[name] = said(name, "RunInstances", measures.launches, server, fewer)
        results.describes[name] = said(name, "DescribeInstances", measures.describes, server, plan)
        results.starts[name] = said(name, "start", measures.start_seconds, server, fewer)
    if server is EMULATOR:
        results.metadata = {name: said(name, "metadata", measures.metadata, METADATA, plan)}
        results.import_seconds = measures.import_seconds(plan)
        results.memory = said(name, "memory", measures.memory, server, plan)


def measure_machines(port: int, results: report.Results) -> None:
    """Measure launches of containers, where there is a Docker engine."""
    missing = machines.obstacle()
    if missing is not None:
        print(f"docker: left out, {missing}")
        return
    print("docker: launches ", end="", flush=True)
    before = time.perf_counter()
    results.machines = machines.machines(machines.DOCKER, port, report.LAUNCHES)
    print(f"({time.perf_counter() - before:.0f} s)")


def measure_virtual_machines(port: int, results: report.Results) -> None:
    """Measure launches of virtual machines, where there is libvirt."""
    missing = virtual_machines.obstacle()
    if missing is not None:
        print(f"libvirt: left out, {missing}")
        return
    print("libvirt: launches ", end="", flush=True)
    before = time.perf_counter()
    results.virtual_machines = virtual_machines.virtual_machines(virtual_machines.LIBVIRT, port)
    print(f"({time.perf_counter() - before:.0f} s)")


def measure_container(plan: measures.Plan, results: report.Results) -> None:
    """Measure the emulator's own container, where there is its image."""
    missing = container.obstacle()
    if missing is not None:
        print(f"container: left out, {missing}")
        return
    print("container: size, start, memory ", end="", flush=True)
    before = time.perf_counter()
    results.container = container.container(plan.port, plan.starts)
    print(f"({time.perf_counter() - before:.0f} s)")


def said(
    name: str,
    what: str,
    take: Callable[[Server, measures.Plan], T],
    server: Server,
    plan: measures.Plan,
) -> T:
    """Take one measurement, telling whoever watches what it is and how long it took."""
    print(f"{name}: {what} ", end="", flush=True)
    before = time.perf_counter()
    value = take(server, plan)
    print(f"({time.perf_counter() - before:.0f} s)")
    return value


if __name__ == "__main__":
    main()
