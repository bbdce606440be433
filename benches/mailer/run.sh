#!/usr/bin/env bash
# Prepares an environment under target/mailer, builds spendwatch, and runs the comparison.
# Arguments go to compare.py; see README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/mailer/venv
if ! cmp -s benches/mailer/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --requirement benches/mailer/requirements.txt
  cp benches/mailer/requirements.txt "$venv/installed.txt"
fi
if [ -z "${SPENDWATCH:-}" ]; then
  cargo build --release --locked --package cli
  SPENDWATCH=target/release/spendwatch
fi
exec "$venv/bin/python" benches/mailer/compare.py --spendwatch "$SPENDWATCH" "$@"
