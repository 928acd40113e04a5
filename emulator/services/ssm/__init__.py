"""AWS Systems Manager: Parameter Store, and Run Command on instances.

Nothing is encrypted and no key is needed: secure strings are only shown as if they were.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.ssm",
    {
        "parameter_lists": "DescribeParameters GetParametersByPath",
        "parameter_labels": "LabelParameterVersion UnlabelParameterVersion",
        "parameters": (
            "DeleteParameter DeleteParameters GetParameter GetParameterHistory GetParameters "
            "PutParameter"
        ),
        "resource_tags": "AddTagsToResource ListTagsForResource RemoveTagsFromResource",
    },
)
