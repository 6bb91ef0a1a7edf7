--- Read the block of a subject.
-- @batch 64
-- @readonly
-- @include now
-- @include typed
-- @include limiter/leading_block
-- @item key state    string of entries, as in charge.lua
-- @returns list      microseconds until the block ends, its reason, and the id under which it is listed or 0; empty without a block

local function item(state)
  local damaged = typed(state, 'string')
  if damaged then
    return damaged
  end
  local time, ends, reason, _, listing = leading_block(redis.call('GET', state))
  if not time or ends - math.max(0, time - now) <= now then
    return {}
  end
  return { ends - math.max(now, time), reason, listing }
end
