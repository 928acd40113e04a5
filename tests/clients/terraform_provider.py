"""The calls that Terraform's AWS provider makes for a resource, with botocore in its place.

A resource type creates, reads into the attributes that a plan compares, updates and deletes;
reading one that is gone ends in one of the codes that the provider takes for that, or in a
state that it takes for that.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Attributes = dict[str, Any]

PAUSE_SECONDS = 0.05
DEADLINE_SECONDS = 60.0


class Aws:
    """The services that the examples use, at one endpoint."""

    def __init__(self, url: str, **keys: str) -> None:
        once = Config(retries={"total_max_attempts": 1})
        for service in ("ec2", "iam", "ssm", "sts"):
            client = boto3.client(service, endpoint_url=url, config=once, **keys)
            setattr(self, service, client)

    ec2: Any
    iam: Any
    ssm: Any
    sts: Any


@attrs.frozen
class Type:
    """One type of resource.

    Attributes:
        create: makes it of its arguments and returns its id.
        read: returns its attributes; None: there is none.
        delete: ends it.
        gone: the error codes of a read after that.
        update: changes it as a plan with other arguments does; None: the provider replaces it.
    """

    create: Callable[[Aws, Attributes], str]
    read: Callable[[Aws, str], Attributes | None]
    delete: Callable[[Aws, str], None]
    gone: tuple[str, ...] = ()
    update: Callable[[Aws, str, Attributes], None] | None = None


def exists(kind: Type, aws: Aws, resource_id: str) -> bool:
    """Return whether the provider finds a resource; other errors than its own are errors."""
    try:
        return kind.read(aws, resource_id) is not None
    except ClientError as error:
        is_gone = error.response["Error"]["Code"] in kind.gone
        if is_gone and 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            return False
        raise


def wait(read: Callable[[], str], target: str, *pending: str) -> None:
    """Wait as the provider does: a state that is neither pending nor the target is an error."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (state := read()) != target:
        assert state in pending, f"unexpected state {state!r}, wanted {target!r}"
        assert time.monotonic() < deadline, f"still {state!r}"
        time.sleep(PAUSE_SECONDS)


def only(found: list[Any]) -> Any:
    """Return the one element; the provider fails on more, and takes none for gone."""
    assert len(found) <= 1, found
    return found[0] if found else None


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    found = {tag["Key"]: tag["Value"] for tag in thing.get("Tags", ())}
    return {key: value for key, value in found.items() if not key.startswith("aws:")}


def specification(kind: str, arguments: Attributes) -> Attributes:
    tags = [{"Key": key, "Value": value} for key, value in arguments.get("tags", {}).items()]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def update_tags(aws: Aws, resource_id: str, arguments: Attributes) -> None:
    """Change tags as the provider does: what is gone first, then what is new."""
    shown = aws.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])
    wanted = arguments["tags"]
    gone = [tag["Key"] for tag in shown["Tags"] if tag["Key"] not in wanted]
    if gone:
        aws.ec2.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in gone])
    aws.ec2.create_tags(
        Resources=[resource_id],
        Tags=[{"Key": key, "Value": value} for key, value in wanted.items()],
    )


def by(name: str, *values: str) -> Attributes:
    return {"Name": name, "Values": list(values)}


# Key pairs and security groups


def create_key_pair(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.import_key_pair(
        KeyName=given["key_name"], PublicKeyMaterial=given["public_key"].encode()
    )
    return str(made["KeyName"])


def read_key_pair(aws: Aws, name: str) -> Attributes | None:
    pair = only(aws.ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"])
    return {
        "key_name": pair["KeyName"],
        "public_key": " ".join(pair["PublicKey"].split()[:2]),
        "fingerprint": pair["KeyFingerprint"],
    }


def permission(rule: Attributes) -> Attributes:
    return {
        "IpProtocol": rule["protocol"],
        "FromPort": rule["from_port"],
        "ToPort": rule["to_port"],
        "IpRanges": [{"CidrIp": cidr} for cidr in rule["cidr_blocks"]],
    }


ALL_EGRESS = {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}


def create_security_group(aws: Aws, given: Attributes) -> str:
    group = aws.ec2.create_security_group(
        GroupName=given["name"], Description=given["description"]
    )["GroupId"]
    assert only(aws.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])
    # The provider begins with no rule at all.
    aws.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[permission(ALL_EGRESS)])
    set_rules(aws, group, given)
    return str(group)


def set_rules(aws: Aws, group: str, given: Attributes) -> None:
    now = read_security_group(aws, group)
    assert now is not None
    for direction in ("ingress", "egress"):
        old, new = now[direction], given.get(direction, [])
        gone = [permission(rule) for rule in old if rule not in new]
        come = [permission(rule) for rule in new if rule not in old]
        if gone:
            getattr(aws.ec2, f"revoke_security_group_{direction}")(
                GroupId=group, IpPermissions=gone
            )
        if come:
            answer = getattr(aws.ec2, f"authorize_security_group_{direction}")(
                GroupId=group, IpPermissions=come
            )
            assert answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def read_security_group(aws: Aws, group_id: str) -> Attributes | None:
    group = only(aws.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"])

    def rules(permissions: list[Any]) -> list[Attributes]:
        return [
            {
                "protocol": each["IpProtocol"],
                "from_port": each.get("FromPort", 0),
                "to_port": each.get("ToPort", 0),
                "cidr_blocks": [one["CidrIp"] for one in each["IpRanges"]],
            }
            for each in sorted(permissions, key=lambda each: each.get("FromPort", 0))
        ]

    return {
        "name": group["GroupName"],
        "description": group["Description"],
        "ingress": rules(group["IpPermissions"]),
        "egress": rules(group["IpPermissionsEgress"]),
    }


def delete_security_group(aws: Aws, group_id: str) -> None:
    aws.ec2.delete_security_group(GroupId=group_id)


# Instances


def instance_of(aws: Aws, instance_id: str) -> Any:
    shown = aws.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return only([instance for each in shown for instance in each["Instances"]])


def instance_state(aws: Aws, instance_id: str) -> str:
    return str(instance_of(aws, instance_id)["State"]["Name"])


def create_instance(aws: Aws, given: Attributes) -> str:
    request: Attributes = {
        "MinCount": 1,
        "MaxCount": 1,
        "DisableApiTermination": False,
        "EbsOptimized": False,
        "Monitoring": {"Enabled": False},
        **specification("instance", given),
    }
    names = {
        "ami": "ImageId",
        "instance_type": "InstanceType",
        "key_name": "KeyName",
        "vpc_security_group_ids": "SecurityGroupIds",
        "user_data": "UserData",
        "subnet_id": "SubnetId",
    }
    request |= {names[key]: value for key, value in given.items() if key in names}
    if "availability_zone" in given:
        request["Placement"] = {"AvailabilityZone": given["availability_zone"]}
    if "iam_instance_profile" in given:
        request["IamInstanceProfile"] = {"Name": given["iam_instance_profile"]}
    if "http_tokens" in given:
        request["MetadataOptions"] = {"HttpEndpoint": "enabled", "HttpTokens": given["http_tokens"]}
    if "launch_template" in given:
        request["LaunchTemplate"] = {
            "LaunchTemplateId": given["launch_template"],
            "Version": "$Latest",
        }
    made = aws.ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    wait(lambda: instance_state(aws, made), "running", "pending")
    return str(made)


def read_instance(aws: Aws, instance_id: str) -> Attributes | None:
    instance = instance_of(aws, instance_id)
    if instance["State"]["Name"] == "terminated":
        return None
    attribute = {
        name: aws.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute=name)
        for name in ("instanceInitiatedShutdownBehavior", "disableApiTermination", "userData")
    }
    interface = instance["NetworkInterfaces"][0]
    assert interface["Attachment"]["DeviceIndex"] == 0
    root = instance["RootDeviceName"]
    (disk,) = [each for each in instance["BlockDeviceMappings"] if each["DeviceName"] == root]
    volume = only(aws.ec2.describe_volumes(VolumeIds=[disk["Ebs"]["VolumeId"]])["Volumes"])
    only(aws.ec2.describe_vpcs(VpcIds=[instance["VpcId"]])["Vpcs"])
    only(aws.ec2.describe_instance_types(InstanceTypes=[instance["InstanceType"]])["InstanceTypes"])
    credit = only(
        aws.ec2.describe_instance_credit_specifications(InstanceIds=[instance_id])[
            "InstanceCreditSpecifications"
        ]
    )
    encoded = attribute["userData"]["UserData"].get("Value", "")
    profile = instance.get("IamInstanceProfile", {}).get("Arn", "")
    return {
        "ami": instance["ImageId"],
        "instance_type": instance["InstanceType"],
        "key_name": instance.get("KeyName"),
        "vpc_security_group_ids": [group["GroupId"] for group in instance["SecurityGroups"]],
        "user_data": base64.b64decode(encoded).decode(),
        "availability_zone": instance["Placement"]["AvailabilityZone"],
        "subnet_id": instance["SubnetId"],
        "private_ip": instance["PrivateIpAddress"],
        "public_ip": instance.get("PublicIpAddress"),
        "http_tokens": instance["MetadataOptions"]["HttpTokens"],
        "iam_instance_profile": profile.rpartition("/")[2],
        "source_dest_check": instance["SourceDestCheck"],
        "root_size": volume["Size"],
        "cpu_credits": credit["CpuCredits"],
        "protected": attribute["disableApiTermination"]["DisableApiTermination"]["Value"],
        "shutdown": attribute["instanceInitiatedShutdownBehavior"][
            "InstanceInitiatedShutdownBehavior"
        ]["Value"],
        "tags": {k: v for k, v in tags_of(instance).items() if k != "ec2_vm_manager"},
    }


def update_instance(aws: Aws, instance_id: str, given: Attributes) -> None:
    """Change type, metadata options and tags; the type wants a stop, as on AWS."""
    if "instance_type" in given:
        aws.ec2.stop_instances(InstanceIds=[instance_id])
        wait(
            lambda: instance_state(aws, instance_id),
            "stopped",
            *("pending", "running", "shutting-down", "stopping"),
        )
        aws.ec2.modify_instance_attribute(
            InstanceId=instance_id, InstanceType={"Value": given["instance_type"]}
        )
        aws.ec2.start_instances(InstanceIds=[instance_id])
        wait(lambda: instance_state(aws, instance_id), "running", "pending", "stopped")
    if "http_tokens" in given:
        aws.ec2.modify_instance_metadata_options(
            InstanceId=instance_id, HttpTokens=given["http_tokens"]
        )
    if "tags" in given:
        update_tags(aws, instance_id, given)


def delete_instance(aws: Aws, instance_id: str) -> None:
    aws.ec2.modify_instance_attribute(
        InstanceId=instance_id, DisableApiTermination={"Value": False}
    )
    aws.ec2.terminate_instances(InstanceIds=[instance_id])
    wait(
        lambda: instance_state(aws, instance_id),
        "terminated",
        *("pending", "running", "shutting-down", "stopped", "stopping"),
    )


# Networks


def create_vpc(aws: Aws, given: Attributes) -> str:
    vpc = aws.ec2.create_vpc(CidrBlock=given["cidr_block"], **specification("vpc", given))["Vpc"]
    vpc_id = str(vpc["VpcId"])
    wait(
        lambda: only(aws.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"])["State"],
        "available",
        "pending",
    )
    if given.get("enable_dns_hostnames"):
        aws.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    return vpc_id


def read_vpc(aws: Aws, vpc_id: str) -> Attributes | None:
    vpc = only(aws.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"])

    def attribute(name: str) -> bool:
        shown = aws.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)
        return bool(shown[name[0].upper() + name[1:]]["Value"])

    of_vpc = by("vpc-id", vpc_id)
    main = only(
        aws.ec2.describe_route_tables(Filters=[of_vpc, by("association.main", "true")])[
            "RouteTables"
        ]
    )
    acl = only(
        aws.ec2.describe_network_acls(Filters=[of_vpc, by("default", "true")])["NetworkAcls"]
    )
    group = only(
        aws.ec2.describe_security_groups(Filters=[of_vpc, by("group-name", "default")])[
            "SecurityGroups"
        ]
    )
    return {
        "cidr_block": vpc["CidrBlock"],
        "enable_dns_support": attribute("enableDnsSupport"),
        "enable_dns_hostnames": attribute("enableDnsHostnames"),
        "usage_metrics": attribute("enableNetworkAddressUsageMetrics"),
        "dhcp_options": vpc["DhcpOptionsId"],
        "main_route_table_id": main["RouteTableId"],
        "default_network_acl_id": acl["NetworkAclId"],
        "default_security_group_id": group["GroupId"],
        "tags": tags_of(vpc),
    }


def update_vpc(aws: Aws, vpc_id: str, given: Attributes) -> None:
    if "enable_dns_hostnames" in given:
        aws.ec2.modify_vpc_attribute(
            VpcId=vpc_id, EnableDnsHostnames={"Value": given["enable_dns_hostnames"]}
        )
    if "tags" in given:
        update_tags(aws, vpc_id, given)


def create_subnet(aws: Aws, given: Attributes) -> str:
    zone = {"AvailabilityZone": given["availability_zone"]} if "availability_zone" in given else {}
    subnet = aws.ec2.create_subnet(
        VpcId=given["vpc_id"],
        CidrBlock=given["cidr_block"],
        **zone,
        **specification("subnet", given),
    )["Subnet"]
    subnet_id = str(subnet["SubnetId"])
    wait(
        lambda: only(aws.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"])["State"],
        "available",
        "pending",
    )
    if given.get("map_public_ip_on_launch"):
        update_subnet(aws, subnet_id, {"map_public_ip_on_launch": True})
    return subnet_id


def read_subnet(aws: Aws, subnet_id: str) -> Attributes | None:
    subnet = only(aws.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"])
    return {
        "vpc_id": subnet["VpcId"],
        "cidr_block": subnet["CidrBlock"],
        "availability_zone": subnet["AvailabilityZone"],
        "map_public_ip_on_launch": subnet["MapPublicIpOnLaunch"],
        "hostname_type": subnet["PrivateDnsNameOptionsOnLaunch"]["HostnameType"],
        "tags": tags_of(subnet),
    }


def update_subnet(aws: Aws, subnet_id: str, given: Attributes) -> None:
    aws.ec2.modify_subnet_attribute(
        SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": given["map_public_ip_on_launch"]}
    )


def delete_subnet(aws: Aws, subnet_id: str) -> None:
    left = aws.ec2.describe_network_interfaces(Filters=[by("subnet-id", subnet_id)])
    assert left["NetworkInterfaces"] == []
    aws.ec2.delete_subnet(SubnetId=subnet_id)


def create_internet_gateway(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_internet_gateway(**specification("internet-gateway", given))
    gateway = str(made["InternetGateway"]["InternetGatewayId"])
    aws.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=given["vpc_id"])
    return gateway


def read_internet_gateway(aws: Aws, gateway_id: str) -> Attributes | None:
    shown = aws.ec2.describe_internet_gateways(InternetGatewayIds=[gateway_id])
    gateway = only(shown["InternetGateways"])
    attachment = gateway["Attachments"][0]
    assert attachment["State"] == "available"
    return {"vpc_id": attachment["VpcId"], "tags": tags_of(gateway)}


def delete_internet_gateway(aws: Aws, gateway_id: str) -> None:
    now = read_internet_gateway(aws, gateway_id)
    assert now is not None
    aws.ec2.detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=now["vpc_id"])
    aws.ec2.delete_internet_gateway(InternetGatewayId=gateway_id)


def create_eip(aws: Aws, given: Attributes) -> str:
    allocation = aws.ec2.allocate_address(
        Domain=given["domain"], **specification("elastic-ip", given)
    )["AllocationId"]
    assert allocation.startswith("eipalloc-")
    return str(allocation)


def read_eip(aws: Aws, allocation_id: str) -> Attributes | None:
    shown = only(aws.ec2.describe_addresses(AllocationIds=[allocation_id])["Addresses"])
    aws.ec2.describe_addresses_attribute(AllocationIds=[allocation_id], Attribute="domain-name")
    return {"domain": shown["Domain"], "public_ip": shown["PublicIp"], "tags": tags_of(shown)}


def nat_gateway_of(aws: Aws, gateway_id: str) -> Any:
    return only(aws.ec2.describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"])


def create_nat_gateway(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_nat_gateway(
        AllocationId=given["allocation_id"],
        SubnetId=given["subnet_id"],
        ConnectivityType="public",
        **specification("natgateway", given),
    )
    gateway = str(made["NatGateway"]["NatGatewayId"])
    wait(lambda: nat_gateway_of(aws, gateway)["State"], "available", "pending")
    return gateway


def read_nat_gateway(aws: Aws, gateway_id: str) -> Attributes | None:
    gateway = nat_gateway_of(aws, gateway_id)
    if gateway["State"] == "deleted":
        return None
    address = gateway["NatGatewayAddresses"][0]
    assert address["NetworkInterfaceId"]
    return {
        "allocation_id": address["AllocationId"],
        "public_ip": address["PublicIp"],
        "private_ip": address["PrivateIp"],
        "subnet_id": gateway["SubnetId"],
        "connectivity_type": gateway["ConnectivityType"],
        "tags": tags_of(gateway),
    }


def delete_nat_gateway(aws: Aws, gateway_id: str) -> None:
    aws.ec2.delete_nat_gateway(NatGatewayId=gateway_id)
    wait(lambda: nat_gateway_of(aws, gateway_id)["State"], "deleted", "deleting")


def create_route_table(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_route_table(VpcId=given["vpc_id"], **specification("route-table", given))
    return str(made["RouteTable"]["RouteTableId"])


def route_table_of(aws: Aws, table_id: str) -> Any:
    return only(aws.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"])


def read_route_table(aws: Aws, table_id: str) -> Attributes | None:
    table = route_table_of(aws, table_id)
    return {"vpc_id": table["VpcId"], "tags": tags_of(table)}


_ROUTE_TARGETS = {
    "gateway_id": "GatewayId",
    "nat_gateway_id": "NatGatewayId",
    "vpc_peering_connection_id": "VpcPeeringConnectionId",
}


def route_target(given: Attributes) -> Attributes:
    return {name: given[key] for key, name in _ROUTE_TARGETS.items() if key in given}


def create_route(aws: Aws, given: Attributes) -> str:
    table, cidr = given["route_table_id"], given["destination_cidr_block"]
    assert read_route(aws, f"{table} {cidr}") is None
    aws.ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, **route_target(given))
    return f"{table} {cidr}"


def read_route(aws: Aws, route_id: str) -> Attributes | None:
    table_id, cidr = route_id.split()
    routes = route_table_of(aws, table_id)["Routes"]
    route = only([each for each in routes if each.get("DestinationCidrBlock") == cidr])
    if route is None:
        return None
    assert route["State"] == "active"
    target = {key: route[name] for key, name in _ROUTE_TARGETS.items() if name in route}
    return {"destination_cidr_block": cidr, "origin": route["Origin"], **target}


def delete_route(aws: Aws, route_id: str) -> None:
    table_id, cidr = route_id.split()
    aws.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=cidr)


def create_route_table_association(aws: Aws, given: Attributes) -> str:
    return str(
        aws.ec2.associate_route_table(
            RouteTableId=given["route_table_id"], SubnetId=given["subnet_id"]
        )["AssociationId"]
    )


def read_route_table_association(aws: Aws, association_id: str) -> Attributes | None:
    found = aws.ec2.describe_route_tables(
        Filters=[by("association.route-table-association-id", association_id)]
    )["RouteTables"]
    if not found:
        return None
    (association,) = [
        each
        for each in only(found)["Associations"]
        if each["RouteTableAssociationId"] == association_id
    ]
    assert association["AssociationState"]["State"] == "associated"
    return {
        "route_table_id": association["RouteTableId"],
        "subnet_id": association["SubnetId"],
    }


def create_network_acl(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_network_acl(VpcId=given["vpc_id"], **specification("network-acl", given))
    acl = str(made["NetworkAcl"]["NetworkAclId"])
    for egress in (False, True):
        for entry in given["egress" if egress else "ingress"]:
            aws.ec2.create_network_acl_entry(NetworkAclId=acl, Egress=egress, **acl_entry(entry))
    for subnet in given["subnet_ids"]:
        replace_acl(aws, subnet, acl)
    return acl


def acl_entry(entry: Attributes) -> Attributes:
    return {
        "RuleNumber": entry["rule_no"],
        "Protocol": entry["protocol"],
        "RuleAction": entry["action"],
        "CidrBlock": entry["cidr_block"],
    }


def replace_acl(aws: Aws, subnet_id: str, acl_id: str) -> None:
    acl = only(
        aws.ec2.describe_network_acls(Filters=[by("association.subnet-id", subnet_id)])[
            "NetworkAcls"
        ]
    )
    (old,) = [each for each in acl["Associations"] if each["SubnetId"] == subnet_id]
    new = aws.ec2.replace_network_acl_association(
        AssociationId=old["NetworkAclAssociationId"], NetworkAclId=acl_id
    )["NewAssociationId"]
    assert new != old["NetworkAclAssociationId"]


def read_network_acl(aws: Aws, acl_id: str) -> Attributes | None:
    acl = only(aws.ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"])

    def entries(egress: bool) -> list[Attributes]:
        return [
            {
                "rule_no": each["RuleNumber"],
                "protocol": each["Protocol"],
                "action": each["RuleAction"],
                "cidr_block": each["CidrBlock"],
            }
            for each in acl["Entries"]
            # The last ones are AWS's own.
            if each["Egress"] is egress and each["RuleNumber"] < 32767
        ]

    return {
        "vpc_id": acl["VpcId"],
        "ingress": entries(egress=False),
        "egress": entries(egress=True),
        "subnet_ids": sorted(each["SubnetId"] for each in acl["Associations"]),
        "tags": tags_of(acl),
    }


def update_network_acl(aws: Aws, acl_id: str, given: Attributes) -> None:
    now = read_network_acl(aws, acl_id)
    assert now is not None
    for entry in now["ingress"]:
        aws.ec2.delete_network_acl_entry(
            NetworkAclId=acl_id, Egress=False, RuleNumber=entry["rule_no"]
        )
    for entry in given["ingress"]:
        aws.ec2.create_network_acl_entry(NetworkAclId=acl_id, Egress=False, **acl_entry(entry))


def delete_network_acl(aws: Aws, acl_id: str) -> None:
    now = read_network_acl(aws, acl_id)
    assert now is not None
    default = only(
        aws.ec2.describe_network_acls(Filters=[by("vpc-id", now["vpc_id"]), by("default", "true")])[
            "NetworkAcls"
        ]
    )
    for subnet in now["subnet_ids"]:
        replace_acl(aws, subnet, default["NetworkAclId"])
    aws.ec2.delete_network_acl(NetworkAclId=acl_id)


def peering_of(aws: Aws, peering_id: str) -> Any:
    shown = aws.ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])
    return only(shown["VpcPeeringConnections"])


def create_peering(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_vpc_peering_connection(
        VpcId=given["vpc_id"],
        PeerVpcId=given["peer_vpc_id"],
        **specification("vpc-peering-connection", given),
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    wait(
        lambda: peering_of(aws, made)["Status"]["Code"],
        "pending-acceptance",
        *("initiating-request", "provisioning"),
    )
    aws.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
    wait(
        lambda: peering_of(aws, made)["Status"]["Code"],
        "active",
        *("pending-acceptance", "provisioning"),
    )
    return str(made)


def read_peering(aws: Aws, peering_id: str) -> Attributes | None:
    peering = peering_of(aws, peering_id)
    if peering is None or peering["Status"]["Code"] in ("deleted", "expired", "failed", "rejected"):
        return None
    return {
        "vpc_id": peering["RequesterVpcInfo"]["VpcId"],
        "peer_vpc_id": peering["AccepterVpcInfo"]["VpcId"],
        "status": peering["Status"]["Code"],
        "tags": tags_of(peering),
    }


# Storage


def volume_of(aws: Aws, volume_id: str) -> Any:
    return only(aws.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"])


def create_volume(aws: Aws, given: Attributes) -> str:
    volume = aws.ec2.create_volume(
        AvailabilityZone=given["availability_zone"],
        Size=given["size"],
        VolumeType=given["type"],
        **specification("volume", given),
    )["VolumeId"]
    wait(lambda: volume_of(aws, volume)["State"], "available", "creating")
    return str(volume)


def read_volume(aws: Aws, volume_id: str) -> Attributes | None:
    volume = volume_of(aws, volume_id)
    return {
        "availability_zone": volume["AvailabilityZone"],
        "size": volume["Size"],
        "type": volume["VolumeType"],
        "iops": volume["Iops"],
        "throughput": volume["Throughput"],
        "encrypted": volume["Encrypted"],
        "tags": tags_of(volume),
    }


def update_volume(aws: Aws, volume_id: str, given: Attributes) -> None:
    aws.ec2.modify_volume(VolumeId=volume_id, Size=given["size"])

    def state() -> str:
        shown = aws.ec2.describe_volumes_modifications(VolumeIds=[volume_id])
        found = str(only(shown["VolumesModifications"])["ModificationState"])
        return "completed" if found == "optimizing" else found

    wait(state, "completed", "modifying")


def attachment_of(aws: Aws, volume_id: str, instance_id: str, device: str) -> Any:
    volumes = aws.ec2.describe_volumes(
        VolumeIds=[volume_id],
        Filters=[by("attachment.instance-id", instance_id), by("attachment.device", device)],
    )["Volumes"]
    return volumes[0]["Attachments"][0] if volumes else None


def create_attachment(aws: Aws, given: Attributes) -> str:
    volume, instance, device = given["volume_id"], given["instance_id"], given["device_name"]
    assert attachment_of(aws, volume, instance, device) is None
    aws.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
    wait(lambda: attachment_of(aws, volume, instance, device)["State"], "attached", "attaching")
    return f"{volume} {instance} {device}"


def read_attachment(aws: Aws, attachment_id: str) -> Attributes | None:
    volume, instance, device = attachment_id.split()
    found = attachment_of(aws, volume, instance, device)
    if found is None:
        return None
    return {
        "volume_id": found["VolumeId"],
        "instance_id": found["InstanceId"],
        "device_name": found["Device"],
    }


def delete_attachment(aws: Aws, attachment_id: str) -> None:
    volume, instance, device = attachment_id.split()
    aws.ec2.detach_volume(VolumeId=volume, InstanceId=instance, Device=device)
    wait(
        lambda: (attachment_of(aws, volume, instance, device) or {"State": ""})["State"],
        "",
        "detaching",
    )


def create_snapshot(aws: Aws, given: Attributes) -> str:
    snapshot = aws.ec2.create_snapshot(
        VolumeId=given["volume_id"], Description=given["description"]
    )["SnapshotId"]
    wait(lambda: snapshot_of(aws, snapshot)["State"], "completed", "pending")
    return str(snapshot)


def snapshot_of(aws: Aws, snapshot_id: str) -> Any:
    return only(aws.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"])


def read_snapshot(aws: Aws, snapshot_id: str) -> Attributes | None:
    snapshot = snapshot_of(aws, snapshot_id)
    return {
        "volume_id": snapshot["VolumeId"],
        "volume_size": snapshot["VolumeSize"],
        "description": snapshot["Description"],
    }


# IAM and Systems Manager


def create_role(aws: Aws, given: Attributes) -> str:
    role = aws.iam.create_role(
        RoleName=given["name"],
        Path="/",
        AssumeRolePolicyDocument=json.dumps(given["assume_role_policy"]),
    )["Role"]
    for _ in range(5):
        assert aws.iam.get_role(RoleName=role["RoleName"])["Role"]["Arn"].startswith("arn:aws:iam:")
    return str(role["RoleName"])


def read_role(aws: Aws, name: str) -> Attributes | None:
    role = aws.iam.get_role(RoleName=name)["Role"]
    attached = aws.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {
        "name": role["RoleName"],
        "arn": role["Arn"],
        "assume_role_policy": document(role["AssumeRolePolicyDocument"]),
        "description": role.get("Description", ""),
        "max_session_duration": role["MaxSessionDuration"],
        "attached": [policy["PolicyArn"] for policy in attached],
    }


def document(value: Any) -> Any:
    """Return a policy: botocore decodes most, and leaves some as they are sent."""
    return json.loads(unquote(value)) if isinstance(value, str) else value


def update_role(aws: Aws, name: str, given: Attributes) -> None:
    aws.iam.update_role(RoleName=name, Description=given["description"])


def delete_role(aws: Aws, name: str) -> None:
    assert aws.iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    for policy in aws.iam.list_role_policies(RoleName=name)["PolicyNames"]:
        aws.iam.delete_role_policy(RoleName=name, PolicyName=policy)
    aws.iam.delete_role(RoleName=name)


def create_role_policy(aws: Aws, given: Attributes) -> str:
    aws.iam.put_role_policy(
        RoleName=given["role"],
        PolicyName=given["name"],
        PolicyDocument=json.dumps(given["policy"]),
    )
    return f"{given['role']}:{given['name']}"


def read_role_policy(aws: Aws, policy_id: str) -> Attributes | None:
    role, _, name = policy_id.partition(":")
    shown = aws.iam.get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": document(shown["PolicyDocument"])}


def update_role_policy(aws: Aws, policy_id: str, given: Attributes) -> None:
    role, _, name = policy_id.partition(":")
    create_role_policy(aws, {"role": role, "name": name, **given})


def delete_role_policy(aws: Aws, policy_id: str) -> None:
    role, _, name = policy_id.partition(":")
    aws.iam.delete_role_policy(RoleName=role, PolicyName=name)


def create_profile(aws: Aws, given: Attributes) -> str:
    aws.iam.create_instance_profile(InstanceProfileName=given["name"], Path="/")
    aws.iam.get_instance_profile(InstanceProfileName=given["name"])
    aws.iam.add_role_to_instance_profile(InstanceProfileName=given["name"], RoleName=given["role"])
    return str(given["name"])


def read_profile(aws: Aws, name: str) -> Attributes | None:
    profile = aws.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    (role,) = profile["Roles"]
    assert aws.iam.get_role(RoleName=role["RoleName"])
    return {
        "name": profile["InstanceProfileName"],
        "arn": profile["Arn"],
        "role": role["RoleName"],
    }


def delete_profile(aws: Aws, name: str) -> None:
    now = read_profile(aws, name)
    assert now is not None
    aws.iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=now["role"])
    aws.iam.delete_instance_profile(InstanceProfileName=name)


def create_parameter(aws: Aws, given: Attributes) -> str:
    aws.ssm.put_parameter(Name=given["name"], Type=given["type"], Value=given["value"])
    return str(given["name"])


def read_parameter(aws: Aws, name: str) -> Attributes | None:
    found = aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return {key: found[key.title()] for key in ("name", "type", "value")}


def update_parameter(aws: Aws, name: str, given: Attributes) -> None:
    aws.ssm.put_parameter(Name=name, Value=given["value"], Overwrite=True)


# Templates and Spot


def create_template(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.create_launch_template(
        LaunchTemplateName=given["name"], LaunchTemplateData=template_data(given)
    )["LaunchTemplate"]
    assert (made["LatestVersionNumber"], made["DefaultVersionNumber"]) == (1, 1)
    return str(made["LaunchTemplateId"])


def template_data(given: Attributes) -> Attributes:
    tags = [{"Key": key, "Value": value} for key, value in given["instance_tags"].items()]
    return {
        "ImageId": given["image_id"],
        "InstanceType": given["instance_type"],
        "UserData": given["user_data"],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}],
    }


def read_template(aws: Aws, template_id: str) -> Attributes | None:
    shown = aws.ec2.describe_launch_templates(LaunchTemplateIds=[template_id])
    template = only(shown["LaunchTemplates"])
    latest = str(template["LatestVersionNumber"])
    version = only(
        aws.ec2.describe_launch_template_versions(LaunchTemplateId=template_id, Versions=[latest])[
            "LaunchTemplateVersions"
        ]
    )
    data = version["LaunchTemplateData"]
    return {
        "name": template["LaunchTemplateName"],
        "latest_version": template["LatestVersionNumber"],
        "image_id": data["ImageId"],
        "instance_type": data["InstanceType"],
        "user_data": data["UserData"],
        "instance_tags": tags_of(data["TagSpecifications"][0]),
    }


def update_template(aws: Aws, template_id: str, given: Attributes) -> None:
    now = read_template(aws, template_id)
    assert now is not None
    aws.ec2.create_launch_template_version(
        LaunchTemplateId=template_id, LaunchTemplateData=template_data({**now, **given})
    )


def request_of(aws: Aws, request_id: str) -> Any:
    shown = aws.ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request_id])
    return only(shown["SpotInstanceRequests"])


def create_spot_request(aws: Aws, given: Attributes) -> str:
    made = aws.ec2.request_spot_instances(
        SpotPrice=given["spot_price"],
        InstanceCount=1,
        Type="persistent",
        LaunchSpecification={"ImageId": given["ami"], "InstanceType": given["instance_type"]},
        **specification("spot-instances-request", given),
    )["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    wait(
        lambda: request_of(aws, made)["Status"]["Code"],
        "fulfilled",
        *("pending-evaluation", "pending-fulfillment"),
    )
    return str(made)


def read_spot_request(aws: Aws, request_id: str) -> Attributes | None:
    request = request_of(aws, request_id)
    if request["State"] in ("cancelled", "closed"):
        return None
    instance = instance_of(aws, request["InstanceId"])
    return {
        "ami": request["LaunchSpecification"]["ImageId"],
        "instance_type": request["LaunchSpecification"]["InstanceType"],
        "spot_price": f"{float(request['SpotPrice']):.2f}",
        "spot_instance_id": instance["InstanceId"],
        "lifecycle": instance["InstanceLifecycle"],
        "tags": tags_of(request),
    }


def delete_spot_request(aws: Aws, request_id: str) -> None:
    instance = request_of(aws, request_id)["InstanceId"]
    aws.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request_id])
    aws.ec2.terminate_instances(InstanceIds=[instance])
    wait(
        lambda: instance_state(aws, instance),
        "terminated",
        *("pending", "running", "shutting-down"),
    )


TYPES: Mapping[str, Type] = {
    "aws_key_pair": Type(
        create_key_pair,
        read_key_pair,
        lambda aws, name: aws.ec2.delete_key_pair(KeyName=name),
        ("InvalidKeyPair.NotFound",),
    ),
    "aws_security_group": Type(
        create_security_group,
        read_security_group,
        delete_security_group,
        ("InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"),
        set_rules,
    ),
    "aws_instance": Type(
        create_instance,
        read_instance,
        delete_instance,
        ("InvalidInstanceID.NotFound",),
        update_instance,
    ),
    "aws_vpc": Type(
        create_vpc,
        read_vpc,
        lambda aws, vpc: aws.ec2.delete_vpc(VpcId=vpc),
        ("InvalidVpcID.NotFound",),
        update_vpc,
    ),
    "aws_subnet": Type(
        create_subnet, read_subnet, delete_subnet, ("InvalidSubnetID.NotFound",), update_subnet
    ),
    "aws_internet_gateway": Type(
        create_internet_gateway,
        read_internet_gateway,
        delete_internet_gateway,
        ("InvalidInternetGatewayID.NotFound",),
        update_tags,
    ),
    "aws_eip": Type(
        create_eip,
        read_eip,
        lambda aws, allocation: aws.ec2.release_address(AllocationId=allocation),
        ("InvalidAllocationID.NotFound", "InvalidAddress.NotFound"),
        update_tags,
    ),
    "aws_nat_gateway": Type(
        create_nat_gateway,
        read_nat_gateway,
        delete_nat_gateway,
        ("NatGatewayNotFound",),
        update_tags,
    ),
    "aws_route_table": Type(
        create_route_table,
        read_route_table,
        lambda aws, table: aws.ec2.delete_route_table(RouteTableId=table),
        ("InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"),
        update_tags,
    ),
    "aws_route": Type(
        create_route,
        read_route,
        delete_route,
        ("InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"),
    ),
    "aws_route_table_association": Type(
        create_route_table_association,
        read_route_table_association,
        lambda aws, association: aws.ec2.disassociate_route_table(AssociationId=association),
    ),
    "aws_network_acl": Type(
        create_network_acl,
        read_network_acl,
        delete_network_acl,
        ("InvalidNetworkAclID.NotFound",),
        update_network_acl,
    ),
    "aws_vpc_peering_connection": Type(
        create_peering,
        read_peering,
        lambda aws, peering: aws.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering),
        ("InvalidVpcPeeringConnectionID.NotFound",),
        update_tags,
    ),
    "aws_ebs_volume": Type(
        create_volume,
        read_volume,
        lambda aws, volume: aws.ec2.delete_volume(VolumeId=volume),
        ("InvalidVolume.NotFound",),
        update_volume,
    ),
    "aws_volume_attachment": Type(
        create_attachment, read_attachment, delete_attachment, ("InvalidVolume.NotFound",)
    ),
    "aws_ebs_snapshot": Type(
        create_snapshot,
        read_snapshot,
        lambda aws, snapshot: aws.ec2.delete_snapshot(SnapshotId=snapshot),
        ("InvalidSnapshot.NotFound",),
    ),
    "aws_iam_role": Type(create_role, read_role, delete_role, ("NoSuchEntity",), update_role),
    "aws_iam_role_policy": Type(
        create_role_policy,
        read_role_policy,
        delete_role_policy,
        ("NoSuchEntity",),
        update_role_policy,
    ),
    "aws_iam_instance_profile": Type(
        create_profile, read_profile, delete_profile, ("NoSuchEntity",)
    ),
    "aws_ssm_parameter": Type(
        create_parameter,
        read_parameter,
        lambda aws, name: aws.ssm.delete_parameter(Name=name),
        ("ParameterNotFound",),
        update_parameter,
    ),
    "aws_launch_template": Type(
        create_template,
        read_template,
        lambda aws, template: aws.ec2.delete_launch_template(LaunchTemplateId=template),
        ("InvalidLaunchTemplateId.NotFound",),
        update_template,
    ),
    "aws_spot_instance_request": Type(
        create_spot_request,
        read_spot_request,
        delete_spot_request,
        ("InvalidSpotInstanceRequestID.NotFound",),
        update_tags,
    ),
}
