"""What each type of EBS volume may be: size, IOPS and throughput.

Source: "Amazon EBS volume types" and API_CreateVolume.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from emulator.core.errors import AwsError

DEFAULT_TYPE = "gp2"


@attrs.frozen
class VolumeType:
    """The limits of one type.

    Attributes:
        sizes_gib: smallest and largest size.
        iops: least and most that may be provisioned; None where IOPS cannot be chosen.
        iops_per_gib: how many IOPS one GiB may have, beyond ``default_iops``.
        default_iops: IOPS when none are asked for; None where they must be.
        throughputs_mibps: least and most throughput; None where it cannot be chosen.
        default_throughput_mibps: throughput when none is asked for.
        multi_attach: whether several instances may share a volume.
        bootable: whether it may be a root volume.
    """

    sizes_gib: tuple[int, int]
    iops: tuple[int, int] | None = None
    iops_per_gib: int = 0
    default_iops: int | None = None
    throughputs_mibps: tuple[int, int] | None = None
    default_throughput_mibps: int | None = None
    multi_attach: bool = False
    bootable: bool = True


VOLUME_TYPES: Mapping[str, VolumeType] = {
    "gp2": VolumeType((1, 16384)),
    "gp3": VolumeType((1, 65536), (3000, 80000), 500, 3000, (125, 2000), 125),
    "io1": VolumeType((4, 16384), (100, 64000), 50, multi_attach=True),
    "io2": VolumeType((4, 65536), (100, 256000), 1000, multi_attach=True),
    "st1": VolumeType((125, 16384), bootable=False),
    "sc1": VolumeType((125, 16384), bootable=False),
    "standard": VolumeType((1, 1024)),
}

GP2_IOPS_PER_GIB = 3
GP2_LEAST_IOPS, GP2_MOST_IOPS = 100, 16000
# gp3: a quarter of a MiB/s for each provisioned I/O operation a second.
GP3_IOPS_PER_MIBPS = 4


def iops_of(volume_type: str, size_gib: int, iops: int | None) -> int | None:
    """Return the IOPS that a volume is shown with.

    Args:
        volume_type: a key of ``VOLUME_TYPES``.
        size_gib: its size.
        iops: what was asked for, if anything.
    """
    if volume_type == "gp2":
        return min(max(GP2_IOPS_PER_GIB * size_gib, GP2_LEAST_IOPS), GP2_MOST_IOPS)
    return VOLUME_TYPES[volume_type].default_iops if iops is None else iops


def throughput_of(volume_type: str, throughput_mibps: int | None) -> int | None:
    """Return the throughput that a volume is shown with."""
    if throughput_mibps is None:
        return VOLUME_TYPES[volume_type].default_throughput_mibps
    return throughput_mibps


def check_volume(
    *,
    size_gib: int,
    volume_type: str,
    iops: int | None = None,
    throughput_mibps: int | None = None,
    snapshot_size_gib: int | None = None,
    multi_attach_enabled: bool = False,
) -> None:
    """Refuse a volume that AWS does not make.

    Args:
        size_gib: the volume's size.
        volume_type: its type.
        iops: IOPS asked for, if any.
        throughput_mibps: throughput asked for, if any.
        snapshot_size_gib: the size of the snapshot it is restored from, if any.
        multi_attach_enabled: whether several instances are to share it.

    Raises:
        AwsError: InvalidParameterValue for a number out of range,
            InvalidParameterCombination for what the type does not have.
    """
    kind = VOLUME_TYPES.get(volume_type)
    if kind is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({volume_type}) for parameter volumeType is invalid. "
            f"Valid values: {', '.join(VOLUME_TYPES)}",
        )
    least, most = kind.sizes_gib
    if size_gib > most:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume of {size_gib}GiB is too large for volume type {volume_type}; "
            f"maximum is {most}GiB",
        )
    if size_gib < least:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume of {size_gib}GiB is too small for volume type {volume_type}; "
            f"minimum is {least}GiB",
        )
    if snapshot_size_gib is not None and size_gib < snapshot_size_gib:
        raise AwsError(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size_gib}GB is smaller than snapshot, "
            f"expect size >= {snapshot_size_gib}GB",
        )
    _check_iops(kind, volume_type, size_gib, iops)
    _check_throughput(kind, volume_type, iops, throughput_mibps)
    if multi_attach_enabled and not kind.multi_attach:
        raise AwsError(
            "InvalidParameterCombination",
            f"Multi-Attach is not supported for {volume_type} volumes; use io1 or io2.",
        )


def _check_iops(kind: VolumeType, volume_type: str, size_gib: int, iops: int | None) -> None:
    if iops is None:
        if kind.iops is not None and kind.default_iops is None:
            raise AwsError(
                "InvalidParameterCombination",
                f"The parameter iops must be specified for {volume_type} volumes.",
            )
        return
    if kind.iops is None:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter iops is not supported for {volume_type} volumes.",
        )
    least, most = kind.iops
    if iops < least:
        raise AwsError(
            "InvalidParameterValue", f"Volume iops of {iops} is too low; minimum is {least}."
        )
    if iops > most:
        raise AwsError(
            "InvalidParameterValue", f"Volume iops of {iops} is too high; maximum is {most}."
        )
    if iops > (kind.default_iops or 0) and iops > kind.iops_per_gib * size_gib:
        raise AwsError(
            "InvalidParameterValue",
            f"Iops to volume size ratio of {iops / size_gib:f} is too high; "
            f"maximum is {kind.iops_per_gib}.",
        )


def _check_throughput(
    kind: VolumeType, volume_type: str, iops: int | None, throughput_mibps: int | None
) -> None:
    if throughput_mibps is None:
        return
    if kind.throughputs_mibps is None:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter throughput is not supported for {volume_type} volumes.",
        )
    least, most = kind.throughputs_mibps
    if throughput_mibps < least:
        raise AwsError(
            "InvalidParameterValue",
            f"Throughput of {throughput_mibps} is too low; minimum is {least}.",
        )
    if throughput_mibps > most:
        raise AwsError(
            "InvalidParameterValue",
            f"Throughput of {throughput_mibps} is too high; maximum is {most}.",
        )
    provisioned = kind.default_iops if iops is None else iops
    if provisioned is not None and throughput_mibps * GP3_IOPS_PER_MIBPS > provisioned:
        raise AwsError(
            "InvalidParameterValue",
            f"Throughput (MiBps) to iops ratio of {throughput_mibps / provisioned:f} is too "
            "high; maximum is 0.250000 MiBps per iops.",
        )
