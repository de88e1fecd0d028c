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

/** What stands for a revision that is not checked, for a value that is not written and for one that is deleted. */
export const marks = { unchecked: "*", untouched: "", deleted: "-" } as const

/**
 * KEYS: the hash of each collection, those that are written first, then the sorted set of each that is written. ARGV: the
 * number of collections, then for each the number of its entries and these: leaf, revision to check ("" for absent),
 * value to put; or one of the marks. Answers the numbers of the entries whose check failed, counted from 0 over all.
 *
 * A leaf whose record was found by its check is not put into the sorted set again: it stands there, unless somebody else
 * has taken it away, and then no commit brings it back.
 *
 * It must not fail once it has written, since Redis keeps what a failed script wrote. So everything that can be wrong is
 * looked at before, and puts come first: an emptied hash or set is removed, and while its slot migrates a command on a
 * key that is not there fails. The flags are the default, so that a server that cannot write (READONLY, OOM, MISCONF,
 * NOREPLICAS) refuses the script as a whole; from version 7.0 on it does not change its mind halfway.
 */
export const commitScript = script(`#!lua
local collections = tonumber(ARGV[1])
local function forbidden(key, ...)
  for _, command in ipairs({...}) do
    if not redis.acl_check_cmd(command, key, '', '') then return redis.error_reply('NOPERM ' .. command) end
  end
end
local function foreign(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    return redis.error_reply('WRONGTYPE a key of the store holds something else')
  end
end

local refusal = forbidden(KEYS[1], 'TYPE', 'HGET', 'HSET') or forbidden(KEYS[collections + 1], 'ZADD')
local failed, groups, at, number, deletes = {}, {}, 2, 0, false
for k = 1, collections do
  local hash, set, first, last = KEYS[k], KEYS[collections + k], at + 1, at + 3 * tonumber(ARGV[at])
  local fields, added, gone = {}, {}, {}
  -- Where its first entry is checked, that tells whether the key is a hash.
  refusal = refusal or ARGV[first + 1] == '*' and foreign(hash, 'hash') or set and foreign(set, 'zset')
  if refusal then return refusal end
  for i = first, last, 3 do
    local leaf, revision, value, found = ARGV[i], ARGV[i + 1], ARGV[i + 2], false
    if revision ~= '*' then
      found = redis.pcall('HGET', hash, leaf)
      if type(found) == 'table' then return found end
      if (found and string.sub(found, 1, 26) or '') ~= revision then failed[#failed + 1] = number end
    end
    number = number + 1
    if value == '-' then
      if not deletes then
        refusal = forbidden(hash, 'HEXISTS', 'HDEL') or forbidden(set, 'ZREM')
        if refusal then return refusal end
        deletes = true
      end
      if found or (revision == '*' and redis.call('HEXISTS', hash, leaf) == 1) then gone[#gone + 1] = leaf end
    elseif value ~= '' then
      fields[#fields + 1] = leaf
      fields[#fields + 1] = value
      if not found then
        added[#added + 1] = 0
        added[#added + 1] = leaf
      end
    end
  end
  at = last + 1
  if set then groups[k] = {hash = hash, set = set, fields = fields, added = added, gone = gone} end
end
if #failed > 0 then return failed end

-- Lua's stack has room for 8,000 values.
local function apply(command, key, values)
  for first = 1, #values, 1000 do
    redis.call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end
for _, group in ipairs(groups) do
  apply('HSET', group.hash, group.fields)
  apply('ZADD', group.set, group.added)
end
for _, group in ipairs(groups) do
  apply('HDEL', group.hash, group.gone)
  apply('ZREM', group.set, group.gone)
end
return failed`)
