"""Microsoft's Python clients of Azure's cost APIs, run against the sandbox.

Reads from standard input where the worlds of the sandbox are and what their parts are called, and
prints one line of JSON for every operation that was run; for every operation that the clients have
and that was not run, one line that says why. See the test that starts it for both forms.
"""

import importlib
import inspect
import json
import os
import sys
from types import SimpleNamespace

from azure.core.exceptions import AzureError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.billing import BillingManagementClient
from azure.mgmt.commerce import UsageManagementClient
from azure.mgmt.consumption import ConsumptionManagementClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.costmanagement import CostManagementClient

import billing
import consumption
import cost_management
from client_runs import Runs, operation_of
from unspoken import UNSPOKEN

AUDIENCE = "https://management.azure.com/.default"


class SignIn(ARMChallengeAuthenticationPolicy):
    """Sends tokens also without TLS: the sandbox has none."""

    def on_request(self, request):
        request.context["enforce_https"] = False
        super().on_request(request)


def clients(world, **options):
    """The four clients of one world."""
    options = {
        "base_url": world.base,
        # An error must show, not be asked away.
        "retry_total": 0,
        "polling_interval": 0,
        **options,
    }
    credential = ManagedIdentityCredential()
    options.setdefault("authentication_policy", SignIn(credential, AUDIENCE))
    subscription = world.subscriptions[0]
    return SimpleNamespace(
        consumption=ConsumptionManagementClient(credential, subscription, **options),
        cost_management=CostManagementClient(credential, **options),
        billing=BillingManagementClient(credential, subscription, **options),
        commerce=UsageManagementClient(credential, subscription, **options),
    )


def known_operations():
    """All operations of the four clients, by looking."""
    for package in ("consumption", "costmanagement", "billing", "commerce"):
        module = importlib.import_module(f"azure.mgmt.{package}.operations")
        for _, group in inspect.getmembers(module, inspect.isclass):
            for name, method in inspect.getmembers(group, inspect.isfunction):
                if not name.startswith("_"):
                    yield operation_of(method)


def refused(world, case, **options):
    """Tells how a client without the right token is refused."""
    line = {"world": world.name, "case": case, "refused": None}
    try:
        list(clients(world, **options).consumption.budgets.list(world.subscription_scope))
    except AzureError as error:
        status = getattr(error, "status_code", None)
        line["refused"] = f"{type(error).__name__} {status}"
    print(json.dumps(line), flush=True)


class NoSignIn(SignIn):
    """Sends no token."""

    def on_request(self, request):
        pass


def main():
    plan = json.load(sys.stdin)
    worlds = SimpleNamespace()
    for name, parts in plan.items():
        world = SimpleNamespace(name=name, **parts)
        world.account_scope = f"/providers/Microsoft.Billing/billingAccounts/{world.account}"
        world.subscription_scope = f"/subscriptions/{world.subscriptions[0]}"
        # The credential looks for its endpoint when it is made, and each world has its own.
        os.environ["IDENTITY_ENDPOINT"] = f"{world.base}/msi/token"
        vars(world).update(vars(clients(world)))
        setattr(worlds, name, world)
    runs = Runs()
    for family in (consumption, cost_management, billing):
        family.run(runs, worlds)
    refused(world, "no token", authentication_policy=NoSignIn(None, AUDIENCE))
    graph = SignIn(ManagedIdentityCredential(), "https://graph.microsoft.com/.default")
    refused(world, "token for another service", authentication_policy=graph)
    operations = set(known_operations())
    for operation in sorted(operations - runs.operations):
        group, _, _ = operation.rpartition(".")
        reason = UNSPOKEN.get(operation) or UNSPOKEN.get(group)
        print(json.dumps({"operation": operation, "unspoken": reason}), flush=True)
    # What is excused and is run, or is there no longer, needs no excuse.
    excused = set(UNSPOKEN) - (operations - runs.operations)
    groups = {operation.rpartition(".")[0] for operation in operations - runs.operations}
    for name in sorted(excused - groups):
        print(json.dumps({"operation": name, "needless": UNSPOKEN[name]}), flush=True)


if __name__ == "__main__":
    main()
