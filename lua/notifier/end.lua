--- Find the position at the end of a channel's history; without a history, fix the epoch of the next one.
--
-- The position before a history's first event is <epoch>-0. The epoch is fixed here, before there is an event: publish.lua
-- takes it from the set when it begins the history. So the position of an empty channel belongs to one history, as every
-- other position does. If that history is lost, in whatever way, a later one has another epoch. If the set loses an epoch,
-- because it is full, evicted or deleted, a new epoch is fixed: at worst one reset too many, never a missing event.
--
-- Clients decide which channels they follow, so the set has a bound: the oldest epoch is removed.
-- @batch 64
-- @full runs         a subscriber needs its position; the set that it adds to has a bound
-- @include now
-- @include notifier/tagged
-- @item key history  stream
-- @item key next     sorted set for channels without a history: key and epoch of the next history
-- @returns string    the last event's id, or <epoch>-0

local MAX_EPOCHS = 100000
-- 30 days after the last epoch was added.
local TTL = 2592000000

local function item(history, next)
  local newest = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
  if newest.err then
    return newest
  end
  if newest[1] then
    return tagged(newest[1])
  end
  local epoch = redis.pcall('ZSCORE', next, history)
  if epoch and epoch.err then
    return epoch
  end
  if not epoch then
    epoch = now
    if redis.call('ZCARD', next) >= MAX_EPOCHS then
      redis.call('ZREM', next, redis.call('ZRANGE', next, 0, 0)[1])
    end
    redis.call('ZADD', next, string.format('%.0f', epoch), history)
    redis.call('PEXPIRE', next, TTL)
  end
  return string.format('%.0f-0', epoch)
end
