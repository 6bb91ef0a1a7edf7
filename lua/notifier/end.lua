--- Find the position at the end of a channel's history; without a history, fix where the next one is to begin.
--
-- The position before a history's first event is <epoch>-0, and the epoch is fixed here, before there is an event: the
-- history that publish.lua begins has it, and takes it from the set. So the position of an empty channel is one in a certain
-- history, as every other position is. However that history is lost, a later one has another epoch. What the set itself
-- loses, because it is full, evicted or deleted, is fixed anew with another epoch: a reset too much, never an event too few.
--
-- Clients decide which channels they follow, so the set has a bound: the oldest goes.
-- @batch 64
-- @full runs         a subscriber needs its position; the set that it adds to has a bound
-- @include now
-- @include notifier/tagged
-- @item key history  stream
-- @item key next     sorted set: of channels without a history, the key of the history and its epoch to be
-- @returns string    the last event's id, or <epoch>-0

local MOST = 100000
-- After the last was added: 30 days.
local LASTS = 2592000000

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
    if redis.call('ZCARD', next) >= MOST then
      redis.call('ZREM', next, redis.call('ZRANGE', next, 0, 0)[1])
    end
    redis.call('ZADD', next, string.format('%.0f', epoch), history)
    redis.call('PEXPIRE', next, LASTS)
  end
  return string.format('%.0f-0', epoch)
end
