"""A client with what launching instances takes."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.client import Client

TYPE = "t3.micro"


class Launcher(Client):
    """A client that launches with as little ceremony as a test wants."""

    def image(self, architecture: str = "x86_64") -> str:
        """Return the id of a stock Amazon Linux image."""
        images = self.call(
            "DescribeImages",
            Owners=["amazon"],
            Filters=[
                {"Name": "architecture", "Values": [architecture]},
                {"Name": "name", "Values": ["al2023-ami-2023*"]},
            ],
        )["Images"]
        return str(images[0]["ImageId"])

    def run(self, **params: Any) -> dict[str, Any]:
        """Launch instances and return the reservation as RunInstances answers it."""
        return self.call("RunInstances", **self.request(**params))

    def request(self, **params: Any) -> dict[str, Any]:
        """Return a request's parameters: one small instance, unless told otherwise."""
        defaults = {"InstanceType": TYPE, "MinCount": 1, "MaxCount": 1}
        if "ImageId" not in params:
            defaults["ImageId"] = self.image()
        return defaults | params

    def launch(self, **params: Any) -> str:
        """Launch one instance and return its id."""
        return str(self.run(**params)["Instances"][0]["InstanceId"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        """Return an instance as DescribeInstances shows it."""
        answer = self.call("DescribeInstances", InstanceIds=[instance_id])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def state(self, instance_id: str) -> str:
        """Return an instance's state."""
        return str(self.instance(instance_id)["State"]["Name"])

    def described(self, **filters: str | list[str]) -> list[str]:
        """Return the ids DescribeInstances finds; ``__`` stands for ``-`` in names."""
        answer = self.call(
            "DescribeInstances",
            Filters=[
                {"Name": name, "Values": [values] if isinstance(values, str) else values}
                for name, values in filters.items()
            ],
        )
        return [
            instance["InstanceId"]
            for reservation in answer["Reservations"]
            for instance in reservation["Instances"]
        ]

    def stop(self, instance_id: str) -> None:
        """Stop one instance."""
        self.call("StopInstances", InstanceIds=[instance_id])

    def profile(self, name: str, path: str = "/") -> str:
        """Make an instance profile with a role in it and return its ARN."""
        iam = Client("iam", like=self)
        trust = {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            },
        }
        iam.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        made = iam.call("CreateInstanceProfile", InstanceProfileName=name, Path=path)
        iam.call("AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=name)
        return str(made["InstanceProfile"]["Arn"])

    def default_subnets(self) -> list[dict[str, Any]]:
        """Return the default VPC's subnets."""
        subnets: list[dict[str, Any]] = self.call("DescribeSubnets")["Subnets"]
        return subnets

    def private_network(self) -> tuple[str, str]:
        """Return a VPC and subnet that give no public addresses."""
        vpc = self.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.call("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]
        return vpc, subnet["SubnetId"]

    def resources(self) -> dict[str, int]:
        """Count what a refused launch must not leave behind."""
        return {
            "instances": len(self.described()),
            "interfaces": len(self.call("DescribeNetworkInterfaces")["NetworkInterfaces"]),
            "volumes": len(self.call("DescribeVolumes")["Volumes"]),
            "free": sum(subnet["AvailableIpAddressCount"] for subnet in self.default_subnets()),
        }
