#!/bin/sh
# The benchmark. What it compares with is installed on its first run, outside the workspace. Arguments: --quick, --only <suite>.
set -eu
cd "$(dirname "$0")/.."
"${npm_node_execpath:-node}" scripts/bootstrap.mjs
PATH="$PWD/.tools/bin:$PWD/.tools/node_modules/.bin:$PATH"
export PATH
(cd bench && pnpm install --ignore-workspace --frozen-lockfile) >.tools/bench-install.log 2>&1 || {
  echo "strongroom: what the benchmark compares with could not be installed; pnpm says:"
  cat .tools/bench-install.log
  exit 1
} >&2
node node_modules/typescript/bin/tsc -p bench

# In the background, because a shell waiting for a foreground command would not pass a signal on.
node --expose-gc --disable-warning=ExperimentalWarning bench/src/main.ts "$@" &
main=$!
trap 'kill "$main" 2>/dev/null || :' INT TERM
status=0
wait "$main" || status=$?
# A signal ends the wait before it ends the process.
while kill -0 "$main" 2>/dev/null; do wait "$main" || status=$?; done
trap - INT TERM
# What was measured before a failure is kept too, in the form that the linter wants.
[ ! -f bench/results.json ] || node_modules/.bin/biome format --write bench/results.json >&2
exit $status
