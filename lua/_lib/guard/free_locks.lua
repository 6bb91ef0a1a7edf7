-- `free_locks`: takes and releases the locks of all items of a call, with one question for all of them instead of one for each. It is the
-- common case that every lock is free, or its owner's, and that nobody waits.
--
-- `free_locks.ask(of, places, tickets, label)` and `free_locks.release(places, owners)` do what `ask` and `release` of locking.lua do, with
-- its invariants. `places` are locks and queues in turn. They return the list of replies; or nothing, before the first write, when a lock is
-- not free, or not its owner's, somebody waits or wants to wait, or two items have one lock.
-- @include guard/locking
local free_locks = { ask = nil, release = nil }

-- The locks of `places` and the queues; nothing when a lock is in the list twice, or the items of a call have one argument together.
local function sorted(places, arguments)
  if #places ~= 2 * #arguments then
    return nil
  end
  local locks, queues, seen = {}, {}, {}
  for at = 1, #arguments do
    local lock = places[2 * at - 1]
    if seen[lock] then
      return nil
    end
    seen[lock] = true
    locks[at], queues[at] = lock, places[2 * at]
  end
  return locks, queues
end

function free_locks.ask(of, places, tickets, label)
  local locks = sorted(places, tickets)
  if not locks or string.find(table.concat(tickets), ' ', 1, true) or redis.call('EXISTS', unpack(places)) > 0 then
    return nil
  end
  if fences.look(of.fences) then
    return nil
  end
  local replies = {}
  for at = 1, #locks do
    local fence = fences.next(of.fences)
    locking.write(locks[at], of.lease, fence, tickets[at], label)
    replies[at] = fence
  end
  return replies
end

function free_locks.release(places, owners)
  local locks, queues = sorted(places, owners)
  local texts = locks and redis.pcall('MGET', unpack(locks))
  if not texts or texts.err then
    return nil
  end
  local replies = {}
  for at = 1, #owners do
    local untl, fence, owner = string.match(texts[at] or '', '^(%d+) (%d+) (%S+) ')
    if owner ~= owners[at] or #untl > 16 or #fence > 16 then
      return nil
    end
    replies[at] = tonumber(fence) > 0 and tonumber(untl) > now and 1 or 0
  end
  if redis.call('EXISTS', unpack(queues)) > 0 then
    return nil
  end
  redis.call('DEL', unpack(locks))
  return replies
end
