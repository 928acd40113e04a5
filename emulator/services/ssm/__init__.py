"""AWS Systems Manager: Parameter Store, and Run Command on instances.

Nothing is encrypted and no key is needed: secure strings are only shown as if they were.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.ssm",
    {
        "command_history": "GetCommandInvocation ListCommandInvocations ListCommands",
        "commands": "CancelCommand SendCommand",
        "documents": "DescribeDocument GetDocument ListDocuments",
        "managed_instances": "DescribeInstanceInformation",
        "parameter_lists": "DescribeParameters GetParametersByPath",
        "parameter_labels": "LabelParameterVersion UnlabelParameterVersion",
        "parameters": (
            "DeleteParameter DeleteParameters GetParameter GetParameterHistory GetParameters "
            "PutParameter"
        ),
        "resource_tags": "AddTagsToResource ListTagsForResource RemoveTagsFromResource",
    },
)
