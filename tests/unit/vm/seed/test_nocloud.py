from __future__ import annotations

import yaml

from emulator.vm.seed.nocloud import meta_data


def test_meta_data_are_yaml_whatever_is_in_them() -> None:
    key = 'ssh-ed25519 AAAA "quotes": and colons'
    document = meta_data("i-1", "host", [key], {"region": "us-east-1"})

    assert yaml.safe_load(document) == {
        "instance-id": "i-1",
        "local-hostname": "host",
        "public-keys": [key],
        "region": "us-east-1",
    }
