#!/bin/sh
# Makes the tree ready, then becomes the server: `exec` leaves no shell in between, so that signals reach it.
set -eu
cd "$(dirname "$0")/.."

# In the background, because a shell waiting for a foreground command would not pass a signal on.
# npm_node_execpath is the Node that runs npm; plain `node` may already be the one in node_modules.
"${npm_node_execpath:-node}" scripts/bootstrap.mjs &
bootstrap=$!
trap 'kill "$bootstrap"' INT TERM
wait "$bootstrap"
trap - INT TERM

exec .tools/bin/node examples/server/dist/main.js
