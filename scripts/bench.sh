#!/bin/sh
# The benchmark. What it compares with is installed on its first run, outside the workspace. Arguments: --quick, --only <suite>.
set -eu
cd "$(dirname "$0")/.."
"${npm_node_execpath:-node}" scripts/bootstrap.mjs
PATH="$PWD/.tools/bin:$PWD/.tools/node_modules/.bin:$PATH"
export PATH
(cd bench && pnpm install --ignore-workspace --frozen-lockfile --silent)
node --expose-gc --disable-warning=ExperimentalWarning bench/src/main.ts "$@"
# As the linter wants it.
node_modules/.bin/biome format --write bench/results.json >&2
