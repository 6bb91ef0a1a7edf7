--- Remove a schedule. Entries that it added stay.
-- @batch 16
-- @full runs         it deletes
-- @include typed
-- @item key schedules hash, see lua/_lib/stream/schedule.lua
-- @item key due     sorted set of next occurrences
-- @item key ids     sorted set of ids
-- @item arg id      schedule
-- @returns integer  1 when it existed

local function item(schedules, due, ids, id)
  local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
  if wrong then
    return wrong
  end
  redis.call('ZREM', due, id)
  redis.call('ZREM', ids, id)
  return redis.call('HDEL', schedules, 'r' .. id, 'd' .. id, 'p' .. id, 'a' .. id, 'l' .. id, 'e' .. id) > 0 and 1 or 0
end
