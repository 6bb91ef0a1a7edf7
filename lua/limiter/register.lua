--- Register that a rule of a limiter keeps keys of its own, so that a reset by a process without the rule finds them.
--
-- A process registers a rule with its first charge, and each minute while it charges. Rules that no key can be left of
-- are removed.
-- @batch 16
-- @full refused      it may add a name; the charge beside it is refused, too
-- @include now
-- @include typed
-- @item key rules    sorted set: letter and name of the rule, by the microsecond until which a key of it may live
-- @item arg rule     as above
-- @item arg lasts    microseconds from now
-- @returns integer   1 if it is new

-- Another program may have added what never ends.
local LONGEST = 2 ^ 52

local function item(rules, rule, lasts)
  local damaged = typed(rules, 'zset')
  if damaged then
    return damaged
  end
  redis.call('ZREMRANGEBYSCORE', rules, '-inf', string.format('(%.0f', now))
  local new = redis.call('ZADD', rules, 'GT', string.format('%.0f', now + lasts), rule)
  local _, longest = unpack(redis.call('ZRANGE', rules, -1, -1, 'WITHSCORES'))
  redis.call('PEXPIRE', rules, math.ceil(math.min(longest - now, LONGEST) / 1000) + 1000)
  return new
end
