-- `presence`: the members of a channel, over all processes.
--
-- A room is a table with three keys and a `channel` as of `publication`, whose `live` is empty if nothing is published:
-- - `counts`, a hash: member -> the number of processes that have it
-- - `entries`, a sorted set with score 0: <process>\n<member>
-- - `leases`, a sorted set: process, by the millisecond at which its lease ends
-- All rooms of a name share `due`, a sorted set: key `entries` of a room, by the millisecond at which its first lease ends.
--
-- Invariant: a member's count is the number of its entries, and is never 0. Entries of a process whose lease has ended are
-- removed by the calls of others, a bounded number by each, and its lease last. So a process that was cut off in between learns
-- from its own next call that it must join again.
--
-- If changes are published, no member may go without its event. So the keys outlive their leases by far, and `due` has each room
-- that has a lease, so that any process of the name finds it when its first lease has ended.
-- @include now
-- @include typed
-- @include notifier/publication

local presence = { room = nil, open = nil, add = nil, remove = nil, has = nil, expire = nil, extend = nil, mark = nil }
local presence_ms = math.floor(now / 1000)

-- The most entries that a call removes for processes that are gone.
local MOST_ENDED = 20
-- The most processes that a call finds gone.
local MOST_GONE = 4
-- The longest lease that a process may have: the largest `lease` of createPresence.
local LONGEST_MS = 600000
-- Keys of a room whose changes are published: a day after the last lease was extended.
local KEPT_MS = 86400000

-- The room of a script's calls; its keys and its channel are those of each call.
function presence.room(sets, keep, ttl, age)
  return {
    counts = false,
    entries = false,
    leases = false,
    due = sets[2],
    announced = false,
    channel = {
      history = false,
      next = sets[1],
      live = false,
      keep = keep,
      ttl = ttl,
      age = age,
      window = 0,
      id = '',
      tag = '',
      at = 0,
      reserved = false,
    },
  }
end

-- Publishes a change. Each event follows the one before it.
local function tell(room, kind, member)
  if room.channel.live == '' then
    return
  end
  if room.announced then
    publication.prepare(room.channel)
  end
  room.announced = true
  publication.apply(room.channel, nil, kind, cjson.encode({ member = member }), '', '0')
end

-- Checks the keys. Returns an error, or nil.
function presence.open(room)
  local wrong = typed(room.counts, 'hash') or typed(room.entries, 'zset') or typed(room.leases, 'zset')
    or room.channel.live ~= '' and typed(room.due, 'zset')
  if wrong then
    return wrong
  end
  room.announced = false
  if room.channel.live ~= '' then
    local prepared = publication.prepare(room.channel)
    if prepared ~= true then
      return prepared
    end
  end
  -- Somebody deleted a part, or Redis evicted it: all processes join again.
  local parts = redis.call('EXISTS', room.counts, room.entries, room.leases)
  if parts > 0 and parts < 3 then
    redis.call('UNLINK', room.counts, room.entries, room.leases)
  end
end

function presence.add(room, process, member)
  if redis.call('ZADD', room.entries, 'NX', 0, process .. '\n' .. member) == 1 then
    if redis.call('HINCRBY', room.counts, member, 1) == 1 then
      tell(room, 'joined', member)
    end
  end
end

function presence.remove(room, process, member)
  if redis.call('ZREM', room.entries, process .. '\n' .. member) == 1 then
    if redis.call('HINCRBY', room.counts, member, -1) <= 0 then
      redis.call('HDEL', room.counts, member)
      tell(room, 'left', member)
    end
  end
end

-- Whether a change of a process is there, see renew.lua. Else Redis lost its last writes, such as in a failover.
function presence.has(room, process, change)
  local found = redis.call('ZSCORE', room.entries, process .. '\n' .. string.sub(change, 2))
  return (found and '1' or '0') == string.sub(change, 1, 1)
end

-- Keeps the place of the room in `due`. Call it after `leases` may have changed.
function presence.mark(room)
  if room.channel.live == '' then
    return
  end
  local first = redis.call('ZRANGE', room.leases, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', room.due, first[2], room.entries)
    redis.call('PEXPIRE', room.due, KEPT_MS)
  else
    redis.call('ZREM', room.due, room.entries)
  end
end

-- A lease that ends later than any lease can was made before Redis' clock was set back: it ends one lease from now. A living process
-- extends its own.
local function shorten(room, lease)
  local later = string.format('(%.0f', presence_ms + LONGEST_MS)
  for _, process in ipairs(redis.call('ZRANGE', room.leases, later, '+inf', 'BYSCORE', 'LIMIT', 0, MOST_ENDED)) do
    redis.call('ZADD', room.leases, presence_ms + lease, process)
  end
end

-- Removes entries of processes whose lease has ended. Returns true if there may be more.
function presence.expire(room, lease)
  shorten(room, lease)
  local left = MOST_ENDED
  local gone = redis.call('ZRANGE', room.leases, '-inf', presence_ms, 'BYSCORE', 'LIMIT', 0, MOST_GONE)
  for _, process in ipairs(gone) do
    local found = redis.call('ZRANGE', room.entries, '[' .. process .. '\n', '(' .. process .. '\11', 'BYLEX', 'LIMIT', 0, left)
    for _, entry in ipairs(found) do
      presence.remove(room, process, string.sub(entry, #process + 2))
    end
    if #found == left then
      return true
    end
    left = left - #found
    redis.call('ZREM', room.leases, process)
  end
  return #gone == MOST_GONE
end

-- Extends the lease of a process. Returns whether it had not ended.
function presence.extend(room, process, lasts, lease)
  local ends = redis.call('ZSCORE', room.leases, process)
  local alive = ends and tonumber(ends) > presence_ms or false
  redis.call('ZADD', room.leases, presence_ms + lasts, process)
  for _, key in ipairs({ room.counts, room.entries, room.leases }) do
    redis.call('PEXPIRE', key, room.channel.live == '' and 2 * lease or KEPT_MS)
  end
  return alive
end
