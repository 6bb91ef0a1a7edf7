--- Delete a channel's history, and tell its followers, who get a reset.
--
-- The next history gets a later epoch, so that no position of the deleted one is good for it. Followers that miss the message
-- find the other epoch when they next compare their positions. A process may die before or after the call.
-- @batch 8
-- @full runs         it frees memory; the set that it adds to has a bound
-- @include now
-- @include notifier/reserve_epoch
-- @item key history  stream
-- @item key next     sorted set for channels without a history: key and epoch of the next history
-- @item arg live     pub/sub channel in the same slot
-- @returns integer   1 if there was a history

local function item(history, next, live)
  local newest = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
  if newest.err then
    return newest
  end
  if not newest[1] then
    return 0
  end
  local known = redis.pcall('ZSCORE', next, history)
  if known and known.err then
    return known
  end
  if not redis.acl_check_cmd('SPUBLISH', live, '') then
    return { err = 'ERR the user may not publish on the channel ' .. live }
  end
  local epoch = tonumber(string.match(newest[1][1], '%d+'))
  -- Only another program writes a larger one.
  if epoch >= 9e15 then
    epoch = 0
  end
  reserve_epoch(next, history, math.max(now, epoch + 1))
  redis.call('UNLINK', history)
  redis.call('SPUBLISH', live, 'cleared')
  return 1
end
