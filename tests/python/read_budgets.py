"""Microsoft's Consumption client reads the budgets of a subscription and says what it sees, as JSON.

Standard input: `{"base": URL of the sandbox, "subscription": id}`.
"""

import json
import os
import sys
from types import SimpleNamespace

from azure_clients import clients


def seen(budget):
    told = budget.notifications or {}
    return {
        "name": budget.name,
        "amount": str(budget.amount),
        "grain": budget.time_grain,
        "start": budget.time_period.start_date.date().isoformat(),
        "conditions": sorted(conditions(budget.filter)),
        "notifications": sorted(
            f"{each.threshold_type.value} {each.operator.value} {each.threshold:g}: "
            + ", ".join(each.contact_emails)
            for each in told.values()
            if each.enabled
        ),
    }


def conditions(found):
    if found is None:
        return
    for part in found.and_property or [found]:
        if part.dimensions:
            yield f"{part.dimensions.name} in {', '.join(part.dimensions['values'])}"
        if part.tags:
            yield f"tag {part.tags.name} in {', '.join(part.tags['values'])}"


asked = json.load(sys.stdin)
os.environ["IDENTITY_ENDPOINT"] = f"{asked['base']}/msi/token"
world = SimpleNamespace(base=asked["base"], subscriptions=[asked["subscription"]])
listed = clients(world).consumption.budgets.list(f"/subscriptions/{asked['subscription']}")
print(json.dumps([seen(budget) for budget in listed]))
