--- List the rules of a limiter that may have their own keys.
-- @batch 1
-- @readonly
-- @include now
-- @include typed
-- @item key rules    sorted set as in register.lua
-- @returns list      letter, part and name of each rule; at most 10,000

local MOST = 10000

local function item(rules)
  local damaged = typed(rules, 'zset')
  if damaged then
    return damaged
  end
  return redis.call('ZRANGE', rules, string.format('%.0f', now), '+inf', 'BYSCORE', 'LIMIT', 0, MOST)
end
