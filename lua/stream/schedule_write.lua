--- Create or change a schedule.
--
-- Invariant: it changes only what the caller saw. Between a caller's read and its write nobody added an occurrence, changed, paused or
-- removed the schedule; otherwise nothing is written.
-- A process that dies before the script changed nothing; one that dies after it, everything.
-- @batch 16
-- @full refused      it may add a schedule
-- @include now
-- @include typed
-- @include stream/schedule
-- @item keys all    hash, sorted set of next occurrences, sorted set of ids, see lua/_lib/stream/schedule.lua
-- @item arg id      schedule
-- @item arg seen    text that the read returned; empty: there was no such schedule
-- @item arg definition JSON; empty to leave everything as it is, and only to note that it was declared
-- @item arg next    its next occurrence in ms; empty for none
-- @item arg paused  1 or empty
-- @item arg declares 1 when the caller declares it
-- @returns integer  1 when it was written, 0 when the schedule was changed since, -1 when the stream has too many schedules

local MOST = 100000

local function item(all, id, seen, definition, next, paused, declares)
  local schedules, due, ids = unpack(all)
  local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
  if wrong then
    return wrong
  end
  local is = schedule.seen(schedules, due, id)
  if (is or '') ~= seen then
    return 0
  end
  if not is and redis.call('ZCARD', ids) >= MOST then
    return -1
  end
  if definition ~= '' then
    local revision = redis.call('HINCRBY', schedules, '#', 1)
    redis.call('HSET', schedules, 'r' .. id, revision, 'd' .. id, definition, 'p' .. id, paused)
    if next == '' then
      redis.call('ZREM', due, id)
    else
      redis.call('ZADD', due, next, id)
    end
    redis.call('ZADD', ids, 0, id)
  end
  if declares ~= '' then
    redis.call('HSET', schedules, 'a' .. id, string.format('%.0f', math.floor(now / 1000)))
  end
  return 1
end
