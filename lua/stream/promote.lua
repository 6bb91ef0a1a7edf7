--- Move entries of low priority to ready, from which workers read them. Workers call it (low-entries.ts).
--
-- Invariant: an entry is in `low` or in ready, before and after. An entry without `always` moves only if no other entry of the group waits. The
-- order of the ids stays. A call moves some 256 KiB.
-- If the worker dies before the script, nothing moved; after it, or if the reply is lost, the entries are in ready, and any worker reads them.
-- @batch 1
-- @full runs         without it these entries are not handled, and a full server is not drained
-- @include stream/entry
-- @include stream/low
-- @include stream/waits
-- @include typed
-- @shared group     group
-- @item key stream  stream
-- @item key ready   stream of entries that the group must handle again
-- @item key lows    sorted set of entries of low priority, see lua/_lib/stream/low.lua
-- @item arg count   most entries to move
-- @item arg always  1: also while other entries wait
-- @returns list     entries moved, 1 when some are left

local MOST_BYTES, STEP = 262144, 4

local function item(stream, ready, lows, count, always)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(lows, 'zset')
  if wrong then
    return wrong
  end
  local moved, bytes, most = 0, 0, tonumber(count)
  if always ~= '1' and redis.call('EXISTS', lows) == 1 and (waits(ready, group) or waits(stream, group)) then
    most = 0
  end
  for _ = 1, math.ceil(most / STEP) do
    local found = redis.call('ZRANGE', lows, 0, math.min(STEP, most - moved) - 1)
    for _, member in ipairs(found) do
      -- A worker makes a dead letter of what something other than penknife wrote.
      entry.put_ready(ready, low.entry(member) or { foreign = true, d = member })
      redis.call('ZREM', lows, member)
      moved, bytes = moved + 1, bytes + #member
    end
    if not found[STEP] or bytes >= MOST_BYTES then
      break
    end
  end
  return { moved, redis.call('EXISTS', lows) }
end
