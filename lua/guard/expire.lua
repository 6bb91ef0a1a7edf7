--- Give back expired reservations, for callers that wait, and say when the next one expires.
-- @batch 64
-- @full runs         it gives back and forgets
-- @include guard/counters
-- @include now
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @item arg most     milliseconds to return at most
-- @returns integer|string 0: call again; more: the time, other periods are needed; text: milliseconds until the next one expires

local of = counters.open(keys, plan)

local function item(most)
  local wait = counters.ready(of)
  if wait then
    return wait
  end
  local due = redis.call('ZRANGE', of.expiring, 0, 0, 'WITHSCORES')[2]
  local left = due and math.max(1, math.ceil((due - now) / 1000)) or tonumber(most)
  return string.format('%.0f', math.min(left, most))
end
