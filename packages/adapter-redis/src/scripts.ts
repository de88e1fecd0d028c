import { createHash } from "node:crypto"

/** A Lua script, which Redis runs as one atomic step. Known to a server by the SHA-1 of its text. */
export interface Script {
  readonly source: string
  readonly sha: string
}

const script = (source: string): Script => ({ source, sha: createHash("sha1").update(source).digest("hex") })

// A connection may outlive its server's being the master. Replicas answer scripts without writes, from stale data.
const requireMaster = `
if not string.find(redis.call('INFO', 'replication'), 'role:master', 1, true) then
  return redis.error_reply('READONLY the server is a replica')
end`

/** KEYS: hashes. ARGV: for each, the number of its leaves, then these. Answers all values in that order. */
export const readScript = script(`#!lua flags=no-writes${requireMaster}
local values, at = {}, 1
for _, hash in ipairs(KEYS) do
  local last = at + tonumber(ARGV[at])
  for i = at + 1, last do values[#values + 1] = redis.call('HGET', hash, ARGV[i]) end
  at = last + 1
end
return values`)

/** KEYS: hash, sorted set. ARGV: where to begin, limit, maxBytes. Answers "more" as 0 or 1, then leaf, value, leaf, ... */
export const listScript = script(`#!lua flags=no-writes${requireMaster}
local limit, maxBytes, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local page = {0}
for i, leaf in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, limit + 1)) do
  local value = i <= limit and redis.call('HGET', KEYS[1], leaf)
  if value then bytes = bytes + string.len(value) - 26 end
  if i > limit or (i > 1 and bytes > maxBytes) then
    page[1] = 1
    break
  end
  page[#page + 1] = leaf
  page[#page + 1] = value
end
return page`)

/**
 * KEYS: hash and sorted set of each collection. ARGV: for each collection the numbers of its checks, puts and deletes,
 * then leaf and revision ("" for absent) of each check, leaf and value of each put, the leaves to delete.
 * Answers the numbers of the checks that failed, counted from 0 over all collections.
 *
 * It must not fail once it has written, since Redis keeps what a failed script wrote. So everything that can be wrong is
 * looked at before, and puts come first: an emptied hash or set is removed, and while its slot migrates a command on a
 * key that is not there fails. The flags are the default, so that a server that cannot write (READONLY, OOM, MISCONF,
 * NOREPLICAS) refuses the script as a whole; from version 7.0 on it does not change its mind halfway.
 */
export const commitScript = script(`#!lua
for _, command in ipairs({'TYPE', 'HGET', 'HEXISTS', 'HSET', 'HDEL'}) do
  if not redis.acl_check_cmd(command, KEYS[1], '', '') then return redis.error_reply('NOPERM ' .. command) end
end
for _, command in ipairs({'ZADD', 'ZREM'}) do
  if not redis.acl_check_cmd(command, KEYS[2], '', '') then return redis.error_reply('NOPERM ' .. command) end
end
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= (i % 2 == 1 and 'hash' or 'zset') then
    return redis.error_reply('WRONGTYPE a key of the store holds something else')
  end
end

local failed, groups, at, checked = {}, {}, 1, 0
for k = 1, #KEYS, 2 do
  local checks, puts, deletes = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  for i = 0, checks - 1 do
    local value = redis.call('HGET', KEYS[k], ARGV[at + 2 * i])
    local revision = value and string.sub(value, 1, 26) or ''
    if revision ~= ARGV[at + 2 * i + 1] then failed[#failed + 1] = checked + i end
  end
  checked = checked + checks
  at = at + 2 * checks
  local group = {hash = KEYS[k], set = KEYS[k + 1], first = at, last = at + 2 * puts - 1, gone = {}}
  at = at + 2 * puts
  for i = at, at + deletes - 1 do
    if redis.call('HEXISTS', KEYS[k], ARGV[i]) == 1 then group.gone[#group.gone + 1] = ARGV[i] end
  end
  at = at + deletes
  groups[#groups + 1] = group
end
if #failed > 0 then return failed end

-- Lua's stack has room for 8,000 values.
local step = 1000
for _, group in ipairs(groups) do
  for first = group.first, group.last, step do
    local last, members = math.min(first + step - 1, group.last), {}
    redis.call('HSET', group.hash, unpack(ARGV, first, last))
    for i = first, last, 2 do
      members[#members + 1] = 0
      members[#members + 1] = ARGV[i]
    end
    redis.call('ZADD', group.set, unpack(members))
  end
end
for _, group in ipairs(groups) do
  for first = 1, #group.gone, step do
    local last = math.min(first + step - 1, #group.gone)
    redis.call('HDEL', group.hash, unpack(group.gone, first, last))
    redis.call('ZREM', group.set, unpack(group.gone, first, last))
  end
end
return failed`)
