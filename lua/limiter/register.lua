--- Register a rule that stores its own keys, so that a reset by a process without this rule finds them.
--
-- A process registers a rule with its first charge, and once a minute while it charges. Rules whose keys have all expired are
-- removed.
-- @batch 16
-- @full refused      it may add a name; the charge sent with it is refused, too
-- @include now
-- @include typed
-- @item key rules    sorted set: letter, part and name of the rule, by the microsecond until which its keys may exist
-- @item arg rule     letter, part and name
-- @item arg lasts    microseconds from now
-- @returns integer   1 if it is new

-- Another program may have added a member that never expires.
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
