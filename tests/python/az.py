"""Azure CLI, as far as it goes without a subscription: it reads its arguments, looks at them as it does
before it asks Azure anything, and prints what `ANSWERS` says that Azure would tell, by its own `--query`
and `--output`. It ends with 0, or as Azure CLI does for a mistake."""

import os
import re
import sys
import tempfile
from pathlib import Path

# Nothing of the user's own is read or written, and nothing is sent.
FOLDER = tempfile.TemporaryDirectory()
os.environ.update(
    AZURE_CONFIG_DIR=FOLDER.name,
    AZURE_CORE_COLLECT_TELEMETRY="no",
    AZURE_CORE_ONLY_SHOW_ERRORS="yes",
    AZURE_EXTENSION_USE_DYNAMIC_INSTALL="no",
)

from azure.cli.core import get_default_cli  # noqa: E402
from azure.cli.core.commands import AzCliCommandInvoker  # noqa: E402
from knack.events import EVENT_INVOKER_FILTER_RESULT  # noqa: E402
from knack.util import CLIError  # noqa: E402

ROOT = Path(__file__).parents[2]
SUBSCRIPTION = "cb19a59e-9d05-4c18-ae1a-2d33f2a0af56"
ID = "8d2c6f0e-5b0a-4a6f-9a39-0e2f4c1b7a55"
APP = "func-spendwatch-ab12cd"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/spendwatch"
WORKSPACE = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-spendwatch-ab12cd"
SITE = {
    "id": f"{GROUP}/providers/Microsoft.Web/sites/{APP}",
    "name": APP,
    # As Resource Manager tells it: so Azure CLI shows an app on Flex Consumption.
    "properties": {"defaultHostName": f"{APP}.azurewebsites.net", "state": "Running"},
}
BLOB = {
    "name": "ledger/payments-prod/2026-11",
    "deleted": True,
    "snapshot": "2026-11-18T04:00:00.0000000Z",
    "properties": {"contentLength": 2048},
}

# What commands return whose output is used, or is picked from by a query. Fields that no document reads
# are left out.
ANSWERS = {
    "account show": {"id": SUBSCRIPTION, "tenantId": ID},
    "ad app create": {"appId": ID},
    "ad app list": [{"appId": ID}],
    "ad app show": {"id": ID},
    "ad signed-in-user show": {"id": ID},
    "ad sp create": {"id": ID},
    "ad sp show": {"id": ID},
    "billing account list": [{"name": "12345678"}],
    "eventgrid system-topic show": {"identity": {"principalId": ID}},
    "functionapp config appsettings list": [{"name": "EVALUATE_SCHEDULE", "value": "0 0 */4 * * *"}],
    "functionapp keys list": {"functionKeys": {"default": "key"}, "masterKey": "key", "systemKeys": {}},
    "functionapp list": [SITE],
    "functionapp show": SITE,
    "group show": {"id": GROUP},
    "identity show": {"principalId": ID},
    "keyvault list": [{"name": "kv-spendwatch-ab12cd"}],
    "keyvault secret set": {"id": "https://kv-spendwatch-ab12cd.vault.azure.net/secrets/teams-webhook-url/1"},
    "keyvault secret show": {"value": "https://contoso.example/webhook"},
    "monitor log-analytics workspace show": {"customerId": ID},
    "resource show": {"properties": {"WorkspaceResourceId": WORKSPACE}},
    "role assignment create": {"id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{ID}"},
    "role assignment list": [
        {
            "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{ID}",
            "principalName": "id-spendwatch-ab12cd",
            "roleDefinitionName": "Cost Management Reader",
            "scope": f"/subscriptions/{SUBSCRIPTION}",
        }
    ],
    "storage account generate-sas": "sv=2026-01-01&sig=made%2Bup",
    "storage account list": [{"name": "exspendwatchab12cd"}, {"name": "stspendwatchab12cd"}],
    "storage blob list": [BLOB],
    "storage container list": [{"name": "spendwatch", "deleted": True, "version": "01D9"}],
    "storage message peek": [{"insertionTime": "2026-11-18T04:00:00+00:00", "content": "{}"}],
}
# Of an extension, which comes from elsewhere: not read.
EXTENSIONS = ["monitor log-analytics query"]
# What `az rest` returns, by what the address ends with.
RESOURCES = {
    "/config/configreferences/appsettings": {
        "value": [{"name": "TEAMS_WEBHOOK_URL", "properties": {"status": "Resolved"}}]
    },
    "/exports/spendwatch": {"eTag": '"1"', "identity": {"principalId": ID}},
    "/billingRoleAssignments": {"value": [{"name": ID, "properties": {"principalId": ID}}]},
}
# Outputs that are more than any text.
OUTPUTS = {
    "functionAppName": APP,
    "functionAppUrl": f"https://{APP}.azurewebsites.net",
    "resourceGroupName": "spendwatch",
    "storageAccountName": "stspendwatchab12cd",
    "keyVaultName": "kv-spendwatch-ab12cd",
    "exportContainerUrl": "https://exspendwatchab12cd.blob.core.windows.net/exports",
    "communicationEndpoint": "https://acs-spendwatch-ab12cd.europe.communication.azure.com",
    "mailFrom": "DoNotReply@ab12cd.azurecomm.net",
    "exportStorageAccountId": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/exspendwatchab12cd",
}


def deployment(template):
    """A deployment of a template, with the outputs that it declares."""
    text = (ROOT / template).read_text(encoding="utf-8")
    names = re.findall(r"^output (\w+) ", text, re.MULTILINE)
    outputs = {name: {"type": "String", "value": OUTPUTS.get(name, ID)} for name in names}
    return {"properties": {"outputs": outputs}}


def answer(arguments):
    """What Azure would tell."""
    command = arguments.command
    if command.startswith("deployment "):
        for file in [it for given in getattr(arguments, "parameters", None) or [] for it in given]:
            if file.endswith(".bicepparam"):
                wanted = re.findall(r"readEnvironmentVariable\('(\w+)'\)", Path(file).read_text(encoding="utf-8"))
                for name in [it for it in wanted if it not in os.environ]:
                    raise CLIError(f"{file} reads the variable {name}, which is not exported")
        # Examples deploy under this name what has the outputs of the whole.
        return deployment(getattr(arguments, "template_file", None) or "infra/bicep/main.bicep")
    if command == "rest":
        path = arguments.url.split("?")[0]
        return next((found for end, found in RESOURCES.items() if path.endswith(end)), None)
    return ANSWERS.get(command)


def validated(validate):
    """Looks at arguments as Azure CLI does, up to where it wants somebody to be signed in."""

    def run(self, arguments):
        try:
            validate(self, arguments)
        except CLIError as error:
            if "az login" not in str(error):
                raise

    return run


def found(_cli, event_data):
    """Refuses a query that finds nothing in an answer, also in one place of several."""
    result = event_data["result"]
    rows = result if isinstance(result, list) else [result]
    if result in (None, [], "") or any(None in row.values() for row in rows if isinstance(row, dict)):
        raise CLIError("the query finds nothing")


def check_files(arguments):
    """Files that are named are there; Azure CLI looks at some of them only when it sends them."""
    values = vars(arguments)
    names = [values.get(name) for name in ("src", "file", "template_file")]
    # What is still there was not read.
    names += [it[1:] for it in values.values() if isinstance(it, str) and it.startswith("@")]
    for name in names:
        if isinstance(name, str) and not Path(name).is_file():
            raise CLIError(f"there is no file {name}")


def run_jobs(self, jobs, _ids):
    """Answers in place of Azure."""
    for arguments, _ in jobs:
        check_files(arguments)
    answers = [answer(arguments) for arguments, _ in jobs]
    if self.data["query_active"]:
        if None in answers:
            raise CLIError(f"tests/python/az.py has no answer for the query of az {jobs[0][0].command}")
        # After the query, which is there already.
        self.cli_ctx.register_event(EVENT_INVOKER_FILTER_RESULT, found)
    return answers, []


AzCliCommandInvoker._validation = validated(AzCliCommandInvoker._validation)
AzCliCommandInvoker._run_jobs_serially = run_jobs
# It cannot ask here whether somebody is sure.
AzCliCommandInvoker.resolve_confirmation = lambda self, command, arguments: None

if any(" ".join(sys.argv[1:]).startswith(command) for command in EXTENSIONS):
    sys.exit(0)
sys.exit(get_default_cli().invoke(sys.argv[1:]))
