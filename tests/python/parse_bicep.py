"""Parses all Bicep files below a folder with pycep, and names those that it cannot parse."""

import sys
from pathlib import Path

from pycep import BicepParser

parser = BicepParser()
files = sorted(Path(sys.argv[1]).rglob("*.bicep"))
failed = 0
for file in files:
    try:
        parser.parse(text=file.read_text(encoding="utf-8"))
    except Exception as error:  # pycep lets those of its own parser through.
        failed += 1
        print(f"{file}: {error}")
print(f"{len(files)} files, {failed} not parsed")
sys.exit(1 if failed or not files else 0)
