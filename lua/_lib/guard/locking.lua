-- `locking`: locks with a queue each. A lock is a string "until fence owner label" with a TTL: `until` is the microsecond at which the lease
-- ends, `owner` the ticket of the holder. With fence 0 it is offered to the owner, and `label` is the order of its ticket.
--
-- Invariants:
-- - At any moment of Redis' clock at most one lease of a lock is in force: a lease is given only where there is none.
-- - Fences rise: each grant takes the space's next fence.
-- - First come, first served: a free lock is given to nobody while a living process has an earlier ticket in its queue. The lock is
--   offered to that one for a short time, and the second is notified so that it asks after that time.
-- - An offer to a later ticket counts as free for an earlier one. So tickets of several locks cannot wait for each other for ever: the
--   earliest of all takes what it needs.
--
-- - `locking.open(fence, channel, lease, claim)`: `lease` and `claim` (of an offer) are in milliseconds.
-- - `locking.ask(of, locks, asked, label)`: `locks` are pairs of keys, lock and queue. `asked` is "ticket order label". The order is "-" to wait
--   for nothing, "+" for a new ticket, or the ticket's; it is "-" when it is missing. The label is `label` when it is missing. Returns the fence
--   when all locks are the ticket's; else "milliseconds order": ask again after that time.
-- - `locking.renew(lock, owner, lease)` and `locking.release(of, lock, queue, owner)` return 1 when the lease was in force, else 0.
-- - `locking.write(lock, lasts, fence, owner, label)` stores a lease of so many milliseconds.
-- - `locking.leave(of, lock, queue, owner)` removes the ticket and passes on what was offered to it.
-- @include now
-- @include typed
-- @include guard/fences
-- @include guard/queueing
local locking = { open = nil, ask = nil, renew = nil, release = nil, leave = nil, write = nil }

-- A lock's key outlives its lease by so many milliseconds, so that a late call finds `until`.
local SLACK = 1000

function locking.open(fence, channel, lease, claim)
  return { fences = fences.open(fence), queues = queueing.open(channel), lease = tonumber(lease), claim = tonumber(claim) }
end

local function read(lock)
  local text = redis.pcall('GET', lock)
  if not text or type(text) == 'table' then
    return text
  end
  local untl, fence, owner, label = string.match(text, '^(%d+) (%d+) (%S+) (.*)$')
  if not untl or #untl > 16 or #fence > 16 then
    return { err = 'ERR ' .. lock .. ' was not written by a lock: delete it' }
  end
  return { untl = tonumber(untl), fence = tonumber(fence), owner = owner, label = label }
end

-- The end and the TTL of leases of one length, as text: most leases of a call have the same length.
local length, ends, ttl

function locking.write(lock, lasts, fence, owner, label)
  if lasts ~= length then
    length, ends, ttl = lasts, string.format('%.0f ', now + lasts * 1000), string.format('%.0f', lasts + SLACK)
  end
  redis.call('SET', lock, ends .. string.format('%.0f', fence) .. ' ' .. owner .. ' ' .. label, 'PX', ttl)
end

-- Offers a free lock to the first of its queue; deletes it when nobody waits.
local function pass_on(of, lock, queue, heads)
  local first, second = heads[1], heads[2]
  if not first then
    redis.call('DEL', lock)
    return
  end
  locking.write(lock, of.claim, 0, first[1], string.format('%.0f', first[2]))
  queueing.drop(queue, first[1])
  queueing.tell(of.queues, first[1], 'o')
  if second then
    queueing.tell(of.queues, second[1], 's')
  end
end

-- Returns nil when a lock is free for a ticket or its own, else until when it is not; also the heads of its queue where it is free for
-- an earlier ticket.
local function look(of, lock, queue, owner, order)
  local record = read(lock)
  if record and record.err then
    return record
  end
  if record and record.owner == owner and record.untl > now then
    return nil
  end
  if record and record.untl > now and (record.fence > 0 or (tonumber(record.label) or 0) < order) then
    return { untl = record.untl }
  end
  local heads = queueing.heads(of.queues, queue, 2)
  if heads.err then
    return heads
  end
  local first = heads[1]
  if first and first[1] ~= owner and first[2] < order then
    return { untl = now + of.claim * 1000, heads = heads }
  end
end

function locking.ask(of, locks, asked, label)
  local wrong = fences.look(of.fences)
  if wrong then
    return wrong
  end
  local owner, order, own = asked, '-', ''
  if string.find(asked, ' ', 1, true) then
    owner, order, own = string.match(asked, '^(%S+) (%S+) ?(.*)$')
    label = own ~= '' and own or label
  end
  -- The common case: nobody has it, and nobody waits.
  if #locks == 2 and redis.call('EXISTS', locks[1], locks[2]) == 0 then
    local fence = fences.next(of.fences)
    locking.write(locks[1], of.lease, fence, owner, label)
    return fence
  end
  local mine = tonumber(order) or math.huge
  local blocked, untl = {}, 0
  for at = 1, #locks, 2 do
    local found = look(of, locks[at], locks[at + 1], owner, mine)
    if found then
      if found.err then
        return found
      end
      blocked[at] = found
      untl = math.max(untl, found.untl)
    end
  end
  if untl == 0 then
    local fence = fences.next(of.fences)
    for at = 1, #locks, 2 do
      locking.write(locks[at], of.lease, fence, owner, label)
      if order ~= '-' then
        queueing.drop(locks[at + 1], owner)
      end
    end
    return fence
  end
  for at = 2, order == '-' and 0 or #locks, 2 do
    wrong = typed(locks[at], 'zset')
    if wrong then
      return wrong
    end
  end
  if order == '+' then
    mine = fences.next(of.fences)
  end
  local wait = math.ceil((untl - now) / 1000)
  for at = 1, #locks, 2 do
    local lock, queue, why = locks[at], locks[at + 1], blocked[at]
    if why and why.heads then
      pass_on(of, lock, queue, why.heads)
    end
    if order ~= '-' then
      if why then
        queueing.add(queue, owner, mine)
      else
        -- It has one lock and needs another: this one stays its own until the other should be free.
        locking.write(lock, wait + of.claim, 0, owner, string.format('%.0f', mine))
        queueing.drop(queue, owner)
      end
    end
  end
  return string.format('%.0f %.0f', wait, order == '-' and 0 or mine)
end

function locking.renew(lock, owner, lease)
  local record = read(lock)
  if not record or record.err then
    return record or 0
  end
  if record.owner ~= owner or record.fence == 0 or record.untl <= now then
    return 0
  end
  locking.write(lock, lease, record.fence, owner, record.label)
  return 1
end

-- Removes a ticket's record, which was read before. Errors are raised when something was written before.
local function give_up(of, lock, queue, record)
  if redis.call('EXISTS', queue) == 0 then
    redis.call('DEL', lock)
    return record.fence > 0 and record.untl > now and 1 or 0
  end
  local heads = queueing.heads(of.queues, queue, 2)
  if heads.err then
    return heads
  end
  pass_on(of, lock, queue, heads)
  return record.fence > 0 and record.untl > now and 1 or 0
end

function locking.release(of, lock, queue, owner)
  local record = read(lock)
  if not record or record.err then
    return record or 0
  end
  return record.owner == owner and give_up(of, lock, queue, record) or 0
end

function locking.leave(of, lock, queue, owner)
  local record = read(lock)
  if record and record.err then
    return record
  end
  local dropped = redis.pcall('ZREM', queue, owner)
  if type(dropped) == 'table' then
    return dropped
  end
  if not record or record.owner ~= owner then
    return 0
  end
  local done = give_up(of, lock, queue, record)
  if type(done) == 'table' then
    error(done)
  end
  return done
end
