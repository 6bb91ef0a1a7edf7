--- Find the position at the end of a channel's history; without a history, fix the epoch of the next one.
--
-- The position before a history's first event is <epoch>-0. The epoch is fixed here, before there is an event: publish.lua
-- takes it from the set when it begins the history. So the position of an empty channel belongs to one history, as every
-- other position does. If that history is lost, in whatever way, a later one has another epoch. If the set loses an epoch,
-- because it is full, evicted or deleted, a new epoch is fixed: at worst one reset too many, never a missing event.
-- @batch 64
-- @full runs         a subscriber needs its position; the set that it adds to has a bound
-- @include now
-- @include notifier/reserve_epoch
-- @include notifier/tagged
-- @item key history  stream
-- @item key next     sorted set for channels without a history: key and epoch of the next history
-- @returns string    the last event's id, or <epoch>-0

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
    reserve_epoch(next, history, epoch)
  end
  return string.format('%.0f-0', epoch)
end
