-- `slots`: the leases of a concurrency rule, in a separate sorted set: lease id by the microsecond at which it expires. The
-- member with the empty name stores the time of the last charge as a negative score, so that no range of leases contains it.
--
-- When the clock was set back, every lease keeps the time that it had left at the last charge: `by` is how much sooner than
-- its score it expires.
-- @include limiter/damaged
local slots = {}
local CLOCK = ''
-- The largest limit is 10,000, and a charge that adds a lease removes those that expired.
local MOST_LEASES = 12000
-- Later than every time, in microseconds since 1970.
local LATEST = 2 ^ 62
-- Members and scores of one ZADD: one command for each lease took 60 ms in all.
local STEP = 1000

function slots.define(rule, limit, lease)
  rule.limit, rule.lease = limit, lease
end

-- By how much leases expire sooner than their scores. Writes nothing.
function slots.clock_step(key)
  local charged = tonumber(redis.call('ZSCORE', key, CLOCK) or 0)
  local by = math.max(0, -charged - now)
  if by > 0 and not (by < LATEST and redis.call('ZCARD', key) <= MOST_LEASES) then
    damaged(key)
  end
  return by
end

-- Rewrites the scores for the new clock.
function slots.adjust(key, by)
  if by <= 0 then
    return
  end
  local leases = redis.call('ZRANGE', key, 0, MOST_LEASES, 'WITHSCORES')
  for from = 1, #leases, STEP do
    local moved = {}
    for at = from, math.min(from + STEP - 1, #leases), 2 do
      moved[#moved + 1] = string.format('%.0f', leases[at] == CLOCK and -now or leases[at + 1] - by)
      moved[#moved + 1] = leases[at]
    end
    redis.call('ZADD', key, unpack(moved))
  end
end

-- Stores a lease until it expires. The key expires a second after its last lease.
function slots.store(key, lease, ends, had)
  redis.call('ZADD', key, string.format('%.0f', ends), lease, string.format('%.0f', -now), CLOCK)
  local ttl = math.ceil((ends - now) / 1000) + 1000
  if had then
    redis.call('PEXPIRE', key, ttl, 'GT')
  else
    redis.call('PEXPIRE', key, ttl)
  end
end

-- Whether a lease has not expired.
function slots.has(key, lease, by)
  return tonumber(redis.call('ZSCORE', key, lease) or 0) - by > now
end

function slots.open(rule, key)
  rule.key, rule.adding = key, nil
  rule.by = slots.clock_step(key)
  rule.used = redis.call('ZCOUNT', key, string.format('(%.0f', now + rule.by), '+inf')
  rule.wait = 0
  if rule.used > 0 and rule.used >= rule.limit then
    -- The time until enough leases have expired that a slot is free.
    local live, over = string.format('(%.0f', now + rule.by), rule.used - rule.limit
    local last = redis.call('ZRANGE', key, live, '+inf', 'BYSCORE', 'LIMIT', over, 1, 'WITHSCORES')
    -- With a limit of 0 no slot is ever free.
    rule.wait = last[2] and last[2] - rule.by - now or 0
  end
end

function slots.over(rule, tokens)
  return tokens > 0 and rule.used + 1 > rule.limit
end

function slots.add(rule, lease)
  rule.adding = lease
  rule.had = rule.used > 0
  rule.used = rule.used + 1
end

function slots.save(rule)
  slots.adjust(rule.key, rule.by)
  if rule.adding then
    redis.call('ZREMRANGEBYSCORE', rule.key, 0, string.format('%.0f', now))
    slots.store(rule.key, rule.adding, now + rule.lease, rule.had)
  end
end

-- Slots in use; if none is free, the microseconds until leases have expired and one is.
function slots.report(rule, reply)
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = rule.wait
end
