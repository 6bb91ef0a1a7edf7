-- `slots`: the leases of a concurrency rule, in a sorted set of its own: lease id by the microsecond at which it ends. A
-- member without a name holds the time of the last charge, negative, so that no range of leases contains it.
local slots = {}
local CLOCK = ''

function slots.define(rule, limit, lease)
  rule.limit, rule.lease = limit, lease
end

-- A clock stepped back: every lease ends as long from now as it would have from the last charge. At most 10,000.
function slots.steady(key)
  local charged = tonumber(redis.call('ZSCORE', key, CLOCK) or 0)
  local by = -charged - now
  if by <= 0 then
    return
  end
  local leases = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for at = 1, #leases, 2 do
    local moved = leases[at] == CLOCK and -now or leases[at + 1] - by
    redis.call('ZADD', key, string.format('%.0f', moved), leases[at])
  end
end

-- Holds a lease until it ends; the key lives a second longer than its last one.
function slots.hold(key, lease, ends, had)
  redis.call('ZADD', key, string.format('%.0f', ends), lease, string.format('%.0f', -now), CLOCK)
  local ttl = math.ceil((ends - now) / 1000) + 1000
  if had then
    redis.call('PEXPIRE', key, ttl, 'GT')
  else
    redis.call('PEXPIRE', key, ttl)
  end
end

-- When a lease ends, if it does not have ended.
function slots.ends(key, lease)
  local ends = tonumber(redis.call('ZSCORE', key, lease) or 0)
  return ends > now and ends
end

function slots.open(rule, key)
  rule.key = key
  slots.steady(key)
  rule.used = redis.call('ZCOUNT', key, string.format('(%.0f', now), '+inf')
end

function slots.over(rule, tokens)
  return tokens > 0 and rule.used + 1 > rule.limit
end

function slots.write(rule, lease)
  redis.call('ZREMRANGEBYSCORE', rule.key, 0, string.format('%.0f', now))
  slots.hold(rule.key, lease, now + rule.lease, rule.used > 0)
  rule.used = rule.used + 1
end

-- Slots held; microseconds until so many leases have ended by themselves that there is one left, if there is none.
function slots.tell(rule, reply)
  local wait = 0
  if rule.used >= rule.limit then
    local live, over = string.format('(%.0f', now), rule.used - rule.limit
    local last = redis.call('ZRANGE', rule.key, live, '+inf', 'BYSCORE', 'LIMIT', over, 1, 'WITHSCORES')
    wait = last[2] - now
  end
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = wait
end
