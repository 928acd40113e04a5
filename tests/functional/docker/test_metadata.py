"""The metadata service from inside real instances, at the addresses that everything asks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.inmate import IPV6, Inmate, run_each
from tests.functional.docker.waiting import until

TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
USER_DATA = "#!/bin/sh\necho ready >/tmp/ready\n"
ROLE = "worker"


@pytest.fixture(scope="module")
def profile(cloud: Cloud) -> str:
    """An instance profile with a role that EC2 may assume."""
    iam = cloud.client(service="iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName=ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    return ROLE


@pytest.fixture(scope="module")
def inmate(cloud: Cloud, amis: Mapping[str, str], profile: str) -> Inmate:
    """An instance with a key, a role, tags and user data."""
    instance_id = cloud.run(
        amis["debian"],
        KeyName="test",
        UserData=USER_DATA,
        IamInstanceProfile={"Name": profile},
        MetadataOptions={"InstanceMetadataTags": "enabled", "HttpProtocolIpv6": "enabled"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a b"}]}],
    )
    return Inmate(cloud, instance_id)


def another(cloud: Cloud, amis: Mapping[str, str], **params: Any) -> Inmate:
    return Inmate(cloud, cloud.run(amis["debian"], **params))


def test_plain_curl_works_with_and_without_a_token(inmate: Inmate) -> None:
    assert inmate.curl("/latest/meta-data/instance-id") == f"200 {inmate.instance_id}"
    assert inmate.get("meta-data/instance-id") == inmate.instance_id
    assert inmate.curl("/latest/user-data") == f"200 {USER_DATA}".rstrip() + "\n"


def test_the_whole_tree_says_what_the_api_says(inmate: Inmate) -> None:
    api = inmate.cloud.instance(inmate.instance_id)
    interface = api["NetworkInterfaces"][0]
    mac = f"network/interfaces/macs/{interface['MacAddress']}/"
    subnet = inmate.cloud.ec2.describe_subnets(SubnetIds=[api["SubnetId"]])["Subnets"][0]
    expected = {
        "ami-id": api["ImageId"],
        "ami-launch-index": str(api["AmiLaunchIndex"]),
        "block-device-mapping/root": api["RootDeviceName"],
        "hostname": api["PrivateDnsName"],
        "instance-id": api["InstanceId"],
        "instance-type": api["InstanceType"],
        "local-ipv4": api["PrivateIpAddress"],
        "mac": interface["MacAddress"],
        f"{mac}interface-id": interface["NetworkInterfaceId"],
        f"{mac}local-ipv4s": api["PrivateIpAddress"],
        f"{mac}security-group-ids": interface["Groups"][0]["GroupId"],
        f"{mac}subnet-id": api["SubnetId"],
        f"{mac}subnet-ipv4-cidr-block": subnet["CidrBlock"],
        f"{mac}vpc-id": api["VpcId"],
        "placement/availability-zone": api["Placement"]["AvailabilityZone"],
        "placement/availability-zone-id": subnet["AvailabilityZoneId"],
        "public-ipv4": api["PublicIpAddress"],
        "public-hostname": api["PublicDnsName"],
        "security-groups": api["SecurityGroups"][0]["GroupName"],
        "tags/instance/Name": "a b",
    }
    found = inmate.walk()

    assert expected == {path: found.get(path) for path in expected}
    assert found["public-keys/0/openssh-key"].split()[0].startswith("ssh-")
    assert json.loads(found["iam/info"])["InstanceProfileArn"] == api["IamInstanceProfile"]["Arn"]
    assert set(inmate.walk(version="2021-03-23")) < set(found)


def test_ipv6_is_answered_where_it_is_enabled(inmate: Inmate) -> None:
    assert inmate.curl("/latest/meta-data/instance-id", base=IPV6) == f"200 {inmate.instance_id}"
    assert inmate.walk("fd00:ec2::254")["instance-id"] == inmate.instance_id


def test_the_options_of_an_instance_hold_as_they_change(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    inmate = another(cloud, amis, MetadataOptions={"HttpTokens": "required"})

    def modify(**options: str) -> None:
        cloud.ec2.modify_instance_metadata_options(InstanceId=inmate.instance_id, **options)

    assert inmate.curl("/latest/").startswith("401 ")
    assert inmate.get("meta-data/instance-id") == inmate.instance_id
    modify(HttpTokens="optional")
    assert inmate.curl("/latest/").startswith("200 ")
    assert inmate.curl("/latest/", base=IPV6).startswith("403 ")
    modify(HttpProtocolIpv6="enabled")
    assert inmate.curl("/latest/", base=IPV6).startswith("200 ")
    assert inmate.curl("/latest/meta-data/tags/instance/Name").startswith("404 ")
    cloud.ec2.create_tags(Resources=[inmate.instance_id], Tags=[{"Key": "Name", "Value": "late"}])
    modify(InstanceMetadataTags="enabled")
    assert inmate.curl("/latest/meta-data/tags/instance/Name") == "200 late"
    modify(HttpEndpoint="disabled")
    assert inmate.curl("/latest/").startswith("403 ")
    cloud.terminate(inmate.instance_id)


@contextmanager
def container_in(inmate: Inmate) -> Iterator[str]:
    """A network namespace that reaches the metadata service through the instance."""
    pid = inmate.pid
    nested = subprocess.Popen(["nsenter", "-n", "-t", pid, "unshare", "-n", "sleep", "120"])
    enter, inner = f"nsenter -n -t {pid}", f"nsenter -n -t {nested.pid}"

    def apart() -> bool:
        own = subprocess.run(
            ["readlink", f"/proc/{nested.pid}/ns/net", f"/proc/{pid}/ns/net", "/proc/self/ns/net"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        return len(set(own)) == 3

    try:
        until(apart, bool)
        run_each(
            [
                f"{enter} ip link add imds-out type veth peer name imds-in netns {nested.pid}",
                f"{enter} ip address add 192.0.2.1/30 dev imds-out",
                f"{enter} ip link set imds-out up",
                f"{inner} ip address add 192.0.2.2/30 dev imds-in",
                f"{inner} ip link set imds-in up",
                f"{inner} ip route add default via 192.0.2.1",
            ]
        )
        yield str(nested.pid)
    finally:
        nested.kill()
        nested.wait()


def test_the_hop_limit_keeps_tokens_from_containers_in_the_instance(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    inmate = another(cloud, amis, MetadataOptions={"HttpPutResponseHopLimit": 1})
    assert inmate.token_reaches(least_ttl=1)
    assert not inmate.token_reaches(least_ttl=2)
    with container_in(inmate) as nested:
        assert not inmate.token_reaches(pid=nested)
        cloud.ec2.modify_instance_metadata_options(
            InstanceId=inmate.instance_id, HttpPutResponseHopLimit=2
        )
        assert inmate.token_reaches(pid=nested)
        assert inmate.token_reaches(least_ttl=2)
    cloud.terminate(inmate.instance_id)


def test_botocore_finds_the_roles_credentials_and_sts_knows_them(inmate: Inmate) -> None:
    keys = inmate.credentials()
    sts = boto3.client(
        "sts",
        endpoint_url=inmate.cloud.emulator.url,
        region_name="us-east-1",
        aws_access_key_id=keys["access_key"],
        aws_secret_access_key=keys["secret_key"],
        aws_session_token=keys["token"],
    )

    arn = f"arn:aws:sts::000000000000:assumed-role/{ROLE}/{inmate.instance_id}"
    assert sts.get_caller_identity()["Arn"] == arn


def test_openssl_in_the_instance_verifies_its_identity(inmate: Inmate) -> None:
    url = "/_localstack/ec2/instance-identity/certificate"
    import urllib.request

    with urllib.request.urlopen(inmate.cloud.emulator.url + url, timeout=10) as answer:
        certificate = answer.read().decode()
    said = inmate.cloud.inside(
        inmate.instance_id,
        f"cat >/tmp/certificate <<'END'\n{certificate}END\n"
        "cd /tmp && i=http://169.254.169.254/latest/dynamic/instance-identity\n"
        "(echo -----BEGIN PKCS7-----; curl -s $i/rsa2048; echo; echo -----END PKCS7-----) >p7\n"
        "openssl smime -verify -in p7 -inform PEM -certfile certificate -noverify 2>/dev/null",
    )

    document = json.loads(said)
    assert document["instanceId"] == inmate.instance_id
    assert document["privateIp"] == inmate.cloud.instance(inmate.instance_id)["PrivateIpAddress"]


def test_instances_in_equal_networks_see_only_themselves(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    found, vpcs = [], []
    for _ in range(2):
        vpc = cloud.ec2.create_vpc(CidrBlock="10.77.0.0/24")["Vpc"]["VpcId"]
        subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/24")["Subnet"]
        vpcs.append((vpc, subnet["SubnetId"]))
        found.append(
            another(cloud, amis, SubnetId=subnet["SubnetId"], PrivateIpAddress="10.77.0.9")
        )
    for inmate, (vpc, _) in zip(found, vpcs, strict=True):
        values = inmate.walk()
        mac = values["mac"]
        assert values["instance-id"] == inmate.instance_id
        assert values["local-ipv4"] == "10.77.0.9"
        assert values[f"network/interfaces/macs/{mac}/vpc-id"] == vpc
    foreign = f"X-aws-ec2-metadata-token: {found[0].token()}"
    assert found[1].curl("/latest/", "-H", foreign).startswith("401 ")
    cloud.terminate(*(inmate.instance_id for inmate in found))
    for vpc, subnet in vpcs:
        cloud.ec2.delete_subnet(SubnetId=subnet)
        cloud.ec2.delete_vpc(VpcId=vpc)


def test_no_address_or_route_of_it_is_on_the_host(inmate: Inmate) -> None:
    for words in (("address",), ("route", "show", "table", "all"), ("-6", "route")):
        shown = subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout
        assert "169.254.169.254" not in shown
        assert "fd00:ec2::254" not in shown


def answers_again(inmate: Inmate) -> None:
    path = "/latest/meta-data/instance-id"
    until(lambda: inmate.curl(path), lambda said: said == f"200 {inmate.instance_id}", 10)


def test_it_answers_again_after_a_pause_a_reboot_and_a_restart_from_outside(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    inmate = another(cloud, amis)
    token = f"X-aws-ec2-metadata-token: {inmate.token(21600)}"
    cloud.ec2.stop_instances(InstanceIds=[inmate.instance_id])
    cloud.until_state(inmate.instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[inmate.instance_id])
    cloud.until_state(inmate.instance_id, "running")
    answers_again(inmate)
    before = inmate.pid
    cloud.ec2.reboot_instances(InstanceIds=[inmate.instance_id])
    until(lambda: inmate.pid, lambda pid: pid not in ("0", before))
    answers_again(inmate)
    cloud.engine("restart", "--time", "1", f"localstack-ec2.{inmate.instance_id}")
    answers_again(inmate)
    assert inmate.curl("/latest/", "-H", token).startswith("200 ")
    cloud.terminate(inmate.instance_id)


def test_nothing_answers_while_the_emulator_is_gone(engine: Any, amis: Mapping[str, str]) -> None:
    cloud = Cloud(engine)
    try:
        cloud.until_image(amis["debian"])
        inmate = another(cloud, amis)
        answers_again(inmate)
        cloud.emulator.kill()
        until(lambda: inmate.curl("/latest/"), lambda said: said == "exit 7")
    finally:
        cloud.discard()


def test_a_script_in_the_instance_sees_the_interruption_and_then_it_is_gone(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    inmate = another(cloud, amis, InstanceMarketOptions={"MarketType": "spot"})
    notice = "http://169.254.169.254/latest/meta-data/spot/instance-action"
    watch = f"until curl -sf {notice} >/tmp/notice; do sleep 0.1; done"
    cloud.engine("exec", "-d", f"localstack-ec2.{inmate.instance_id}", "sh", "-c", watch)
    done = cloud.command("event", "spot-interruption", inmate.instance_id, "--in", "5s")
    assert done.returncode == 0, done.stderr

    seen = json.loads(cloud.reads(inmate.instance_id, "/tmp/notice", "time", 5))
    assert seen["action"] == "terminate"
    shown = cloud.until_state(inmate.instance_id, "terminated", 30)
    assert shown["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert cloud.engine.container(inmate.instance_id) is None
