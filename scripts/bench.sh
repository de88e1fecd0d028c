#!/bin/sh
# The benchmark. What it compares with is installed on its first run, outside the workspace. Arguments: --quick, --only <suite>.
set -eu
cd "$(dirname "$0")/.."
"${npm_node_execpath:-node}" scripts/bootstrap.mjs
PATH="$PWD/.tools/bin:$PWD/.tools/node_modules/.bin:$PATH"
export PATH
(cd bench && pnpm install --ignore-workspace --frozen-lockfile --silent)
status=0
node --expose-gc --disable-warning=ExperimentalWarning bench/src/main.ts "$@" || status=$?
# What was measured before a failure is kept too, in the form that the linter wants.
[ ! -f bench/results.json ] || node_modules/.bin/biome format --write bench/results.json >&2
exit $status
