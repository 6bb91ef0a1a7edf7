--- The most denied subjects of one minute.
-- @batch 32
-- @readonly
-- @include typed
-- @item key counts   sorted set as in count-denied.lua
-- @item arg most     members
-- @returns list      what a count lacks at most, negative (empty: nothing was counted); then rule and subject, and the count, for each

local function item(counts, most)
  local damaged = typed(counts, 'zset')
  if damaged then
    return damaged
  end
  local reply = redis.call('ZRANGE', counts, '+inf', '1', 'BYSCORE', 'REV', 'LIMIT', 0, most, 'WITHSCORES')
  table.insert(reply, 1, redis.call('ZSCORE', counts, '') or '')
  return reply
end
