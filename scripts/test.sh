#!/bin/sh
# Everything that must hold before a change lands: lint, types, then the tests. Arguments go to vitest.
set -eu
cd "$(dirname "$0")/.."

"${npm_node_execpath:-node}" scripts/bootstrap.mjs
# First the chosen Node, then the fetched pnpm, for the tests that start either.
PATH="$PWD/.tools/bin:$PWD/.tools/node_modules/.bin:$PATH"
export PATH

# need <command> <what the tests use it for>: a Debian package of the same name.
need() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "strongroom: installing $1 with apt-get, because $2"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; } \
      >.tools/apt.log 2>&1 || echo "strongroom: apt-get could not install $1; its output: .tools/apt.log"
    command -v "$1" >/dev/null && return
  fi
  if [ "${CI:-}" = true ]; then
    echo "strongroom: $1 is missing ($2) and cannot be installed here; with CI=true that is a failure."
    exit 1
  fi
  echo "strongroom: $1 is missing ($2) and cannot be installed here; the tests that need it are skipped."
}
need strace "the durability tests watch system calls"
need curl "the curl samples of the documents are run"
had_redis=$(command -v redis-server || true)
need redis-server "the Redis adapter is tested on servers that the tests start and stop"
if [ -z "$had_redis" ] && command -v redis-server >/dev/null; then
  # Debian starts the service that it installs, and at every boot; nobody asked for that.
  { systemctl disable --now redis-server || service redis-server stop; } >/dev/null 2>&1 || true
fi

echo "strongroom: lint"
node_modules/.bin/biome check .
echo "strongroom: types of the tests"
node node_modules/typescript/bin/tsc -p tsconfig.test.json
echo "strongroom: tests"
exec node node_modules/vitest/vitest.mjs run "$@"
