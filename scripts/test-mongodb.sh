#!/bin/sh
# Runs the tests that need a MongoDB against real ones, in Docker: scripts/test-mongodb.sh [version ...], by default 7 and 8.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 7 8

name="strongroom-mongodb-$$"
# The same inside and outside, because the members of a replica set tell clients where they are.
port="${MONGODB_PORT:-27117}"
member="{ _id: 0, host: '127.0.0.1:$port' }"
trap 'docker rm -f "$name" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM
mongosh() { docker exec "$name" mongosh --quiet --port "$port" --eval "$1" 2>/dev/null; }

for version in "$@"; do
  # The short life is for the test that kills a process in the middle of a commit.
  docker run -d --name "$name" -p "127.0.0.1:$port:$port" "mongo:$version" \
    --replSet rs0 --bind_ip_all --port "$port" --setParameter transactionLifetimeLimitSeconds=5 >/dev/null
  tries=60
  until [ "$(mongosh 'db.hello().isWritablePrimary')" = true ]; do
    mongosh "rs.initiate({ _id: 'rs0', members: [$member] })" >/dev/null || true
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { docker logs --tail 20 "$name"; echo "strongroom: MongoDB $version does not start"; exit 1; }
    sleep 1
  done
  echo "strongroom: MongoDB $version"
  MONGODB_URI="mongodb://127.0.0.1:$port/?replicaSet=rs0" \
    npm test -- packages/adapter-mongo test/engine-on-mongo examples/server/test/mongo.test.ts
  docker rm -f "$name" >/dev/null
done
