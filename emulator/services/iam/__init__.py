"""AWS Identity and Access Management: roles and what instances need of them.

Policies are kept and checked for their grammar; nothing is ever denied because of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services.call import Handler
from emulator.services.iam import account, instance_profiles, policies, role_policies, roles

OPERATIONS: Mapping[str, Handler] = {
    **account.OPERATIONS,
    **instance_profiles.OPERATIONS,
    **policies.OPERATIONS,
    **role_policies.OPERATIONS,
    **roles.OPERATIONS,
}
