-- `started`: what the delivery count of a position in a pending list says, so that it needs no key:
--
-- - Redis' own count, far below FIRST_MS: the lease was not renewed yet. A position is delivered once, and each read by its consumer
--   adds one.
-- - from FIRST_MS on: when the entry was delivered, in milliseconds since 1970. The first renewal stores it, because each renewal resets
--   the idle time.
-- - from RECORDED on: RECORDED and that time. The start of its handler was recorded, before the handler of an entry was called whose
--   worker vanished before.
local FIRST_MS, RECORDED = 1000000000, 100000000000000
local started = {}

-- Whether the start was recorded. `count` is the delivery count.
function started.recorded(count)
  return count >= RECORDED
end

-- When the entry of a row of XPENDING was delivered, in milliseconds since 1970. `ms` is the time of Redis.
function started.since(row, ms)
  local count = row[4]
  if count >= RECORDED then
    return count - RECORDED
  end
  return count >= FIRST_MS and count or ms - row[3]
end

-- The delivery count to set at a renewal; nil when it has to stay. `starting`: the handler is about to be called.
function started.mark(row, ms, starting)
  if starting then
    return RECORDED + started.since(row, ms)
  end
  return row[4] < FIRST_MS and started.since(row, ms) or nil
end
