--- Find channels on which the lease of a process has ended, so that its members are to be removed. So has one that ends later than any
-- lease can, because Redis' clock was set back.
--
-- They are found again after `wait`, unless somebody removed the members: so processes share the work, and one that dies between this
-- call and the removal leaves it to others.
-- @batch 1
-- @full runs         it adds nothing, and leads to what frees memory
-- @include now
-- @include typed
-- @item key due      sorted set: key `entries` of a channel, by the millisecond at which its first lease ends
-- @item arg wait     milliseconds until another call may find them
-- @returns list      at most 100 keys `entries`

-- The most channels that a call returns.
local MOST = 100
-- The longest lease, see lua/_lib/notifier/presence.lua.
local LONGEST_MS = 600000

local function item(due, wait)
  local wrong = typed(due, 'zset')
  if wrong then
    return wrong
  end
  local now_ms = math.floor(now / 1000)
  local found = redis.call('ZRANGE', due, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, MOST)
  if #found < MOST then
    local later = string.format('(%.0f', now_ms + LONGEST_MS)
    for _, entries in ipairs(redis.call('ZRANGE', due, later, '+inf', 'BYSCORE', 'LIMIT', 0, MOST - #found)) do
      found[#found + 1] = entries
    end
  end
  for _, entries in ipairs(found) do
    redis.call('ZADD', due, 'XX', now_ms + wait, entries)
  end
  return found
end
