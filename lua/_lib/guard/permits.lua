-- `permits`: a semaphore with a queue. `held` is a sorted set, ticket by the microsecond at which its lease ends. `extra` is a string, the sum
-- of the permits of these tickets beyond one each. A ticket is "process:number" or, for more than one permit, "process:number:permits".
-- An offer is a short lease of a waiting ticket.
--
-- Invariants: the leases in force take at most `size` permits, offers counted. First come, first served: nobody gets permits while a living
-- process waits before it, also when they would be too few for that one. Fences rise.
--
-- - `permits.open(fence, channel, size, lease, claim)`, and `permits.ask(of, held, extra, queue, ticket, order)`, `permits.release(…)`,
--   `permits.leave(…)`, `permits.renew(of, held, ticket)`: as in locking.lua, with the order as an argument of its own.
-- @include now
-- @include typed
-- @include guard/fences
-- @include guard/queueing
local permits = { open = nil, ask = nil, release = nil, leave = nil, renew = nil }

local PAGE = 64
local PAGES = 16
-- Milliseconds: longer than the longest lease.
local LIFE = 7200000

function permits.open(fence, channel, size, lease, claim)
  return {
    fences = fences.open(fence),
    queues = queueing.open(channel),
    size = tonumber(size),
    lease = tonumber(lease),
    claim = tonumber(claim),
  }
end

local function weight_of(ticket)
  return tonumber(string.match(ticket, ':%d+:(%d+)$')) or 1
end

local function set_extra(extra, sum)
  if sum > 0 then
    redis.call('SET', extra, string.format('%.0f', sum), 'PX', LIFE)
  else
    redis.call('DEL', extra)
  end
end

local function put(held, ticket, lasts)
  redis.call('ZADD', held, string.format('%.0f', now + lasts * 1000), ticket)
  redis.call('PEXPIRE', held, LIFE)
end

-- Removes leases that ended. Returns the number of taken permits, and how many of them are beyond one each; or an error.
local function used(held, extra)
  local sum = redis.pcall('GET', extra)
  if type(sum) == 'table' then
    return sum
  end
  local before = tonumber(sum or 0) or 0
  sum = before
  for _ = 1, PAGES do
    local ended = redis.pcall('ZRANGE', held, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, PAGE)
    if ended.err then
      return sum == before and ended or error(ended)
    end
    if #ended > 0 then
      redis.call('ZREM', held, unpack(ended))
      for _, ticket in ipairs(ended) do
        sum = sum - weight_of(ticket) + 1
      end
    end
    if #ended < PAGE then
      break
    end
  end
  local count = redis.call('ZCARD', held)
  sum = count == 0 and 0 or math.max(0, sum)
  if sum ~= before then
    set_extra(extra, sum)
  end
  return count + sum, sum
end

local function add_extra(extra, sum, ticket)
  local more = weight_of(ticket) - 1
  if more > 0 then
    set_extra(extra, sum + more)
  end
  return sum + more
end

-- Offers free permits to waiting tickets in their order. Returns the number of taken permits.
local function pass_on(of, held, extra, queue, taken, sum)
  for _ = 1, PAGE do
    local heads = queueing.heads(of.queues, queue, 2)
    if heads.err or not heads[1] then
      return taken
    end
    local ticket = heads[1][1]
    if taken + weight_of(ticket) > of.size then
      return taken
    end
    put(held, ticket, of.claim)
    sum = add_extra(extra, sum, ticket)
    taken = taken + weight_of(ticket)
    queueing.drop(queue, ticket)
    queueing.tell(of.queues, ticket, 'o')
    if heads[2] then
      queueing.tell(of.queues, heads[2][1], 's')
    end
  end
  return taken
end

local function grant(of, held, ticket)
  put(held, ticket, of.lease)
  return fences.next(of.fences)
end

function permits.ask(of, held, extra, queue, ticket, order)
  local wrong = fences.look(of.fences) or typed(queue, 'zset')
  if wrong then
    return wrong
  end
  local taken, sum = used(held, extra)
  if type(taken) == 'table' then
    return taken
  end
  if redis.call('ZSCORE', held, ticket) then
    -- It was offered, or granted to a call that got no answer.
    return grant(of, held, ticket)
  end
  local mine = tonumber(order) or math.huge
  local first = queueing.heads(of.queues, queue, 1)[1]
  local turn = not first or first[1] == ticket or mine < first[2]
  if turn and taken + weight_of(ticket) <= of.size then
    add_extra(extra, sum, ticket)
    if order ~= '-' then
      queueing.drop(queue, ticket)
    end
    return grant(of, held, ticket)
  end
  if order == '+' then
    mine = fences.next(of.fences)
  end
  if not turn then
    pass_on(of, held, extra, queue, taken, sum)
  end
  if order ~= '-' then
    queueing.add(queue, ticket, mine)
  end
  local soonest = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')[2]
  local wait = soonest and math.max(1, math.ceil((soonest - now) / 1000)) or of.claim
  return string.format('%.0f %.0f', wait, order == '-' and 0 or mine)
end

-- Whether the ticket's lease is in force, the number of taken permits, and how many of them are beyond one each. Or an error.
local function look(held, extra, queue, ticket)
  local wrong = typed(queue, 'zset') or typed(held, 'zset')
  if wrong then
    return wrong
  end
  local score = redis.pcall('ZSCORE', held, ticket)
  if type(score) == 'table' then
    return score
  end
  local taken, sum = used(held, extra)
  if type(taken) == 'table' then
    return taken
  end
  return { ours = score and tonumber(score) > now, taken = taken, sum = sum }
end

local function give_up(of, held, extra, queue, ticket, found)
  local taken, sum = found.taken, found.sum
  if found.ours then
    redis.call('ZREM', held, ticket)
    taken = taken - weight_of(ticket)
    if weight_of(ticket) > 1 then
      sum = math.max(0, sum - weight_of(ticket) + 1)
      set_extra(extra, sum)
    end
  end
  pass_on(of, held, extra, queue, taken, sum)
  return found.ours and 1 or 0
end

function permits.release(of, held, extra, queue, ticket)
  local found = look(held, extra, queue, ticket)
  return found.err and found or give_up(of, held, extra, queue, ticket, found)
end

function permits.leave(of, held, extra, queue, ticket)
  local found = look(held, extra, queue, ticket)
  if found.err then
    return found
  end
  queueing.drop(queue, ticket)
  return give_up(of, held, extra, queue, ticket, found)
end

function permits.renew(of, held, ticket)
  local score = redis.pcall('ZSCORE', held, ticket)
  if type(score) == 'table' then
    return score
  end
  if not score or tonumber(score) <= now then
    return 0
  end
  put(held, ticket, of.lease)
  return 1
end
