"""Holds a bill of materials on standard input against CycloneDX's own schema; says what is wrong."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

text = sys.stdin.read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if error is not None:
    sys.exit(f"not valid: {error}")
bom = json.loads(text)
for component in bom["components"]:
    if "purl" in component:
        url = PackageURL.from_string(component["purl"])
        assert (url.type, url.name, url.version) == ("cargo", component["name"], component["version"]), url
references = {component["bom-ref"] for component in bom["components"]}
assert len(references) == len(bom["components"])
for dependency in bom["dependencies"]:
    assert references.issuperset([dependency["ref"], *dependency["dependsOn"]]), dependency
