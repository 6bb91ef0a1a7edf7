--- Declare the rules of a limiter, or refuse rules that would count by another calendar in the same states.
--
-- The count of a calendar rule belongs to a period. A process with other periods would take it for one of its own, or for
-- one that ended. So a calendar stays declared while processes use it, and for as long as a count may live after that.
-- Other changes are for a deploy to make: the reply says what was declared before.
-- @batch 8
-- @full refused       the charge that follows is refused, too
-- @include now
-- @include typed
-- @item key declared    sorted set by the microsecond until which a member counts: "calendar", or "= declaration"
-- @item arg calendars   a line for each calendar rule: its part, a slash, its name, a space, and its calendar
-- @item arg calendars_last   microseconds from now for which these count
-- @item arg text        the declaration as people read it; empty when the process said it before
-- @item arg text_lasts  microseconds
-- @returns list         0, the rule, and its other calendar when refused; else 1, and the declaration before if it was another one

-- More than the calendars of a limiter, and what an older version left.
local MOST = 100
-- Another program may have added what never ends.
local LONGEST = 2 ^ 52

local function score(lasts)
  return string.format('%.0f', now + lasts)
end

local function item(declared, calendars, calendars_last, text, text_lasts)
  local damaged = typed(declared, 'zset')
  if damaged then
    return damaged
  end
  local known, before = {}, nil
  for _, member in ipairs(redis.call('ZRANGE', declared, string.format('%.0f', now), '+inf', 'BYSCORE', 'LIMIT', 0, MOST)) do
    if string.sub(member, 1, 2) == '= ' then
      before = string.sub(member, 3)
    else
      local rule, calendar = string.match(member, '^(%S+) (.+)$')
      known[rule or ''] = calendar
    end
  end
  for rule, calendar in string.gmatch(calendars, '(%S+) ([^\n]+)') do
    if known[rule] and known[rule] ~= calendar then
      return { 0, rule, known[rule] }
    end
  end

  redis.call('ZREMRANGEBYSCORE', declared, '-inf', string.format('(%.0f', now))
  for line in string.gmatch(calendars, '[^\n]+') do
    redis.call('ZADD', declared, 'GT', score(calendars_last), line)
  end
  if text ~= '' then
    if before and before ~= text then
      redis.call('ZREM', declared, '= ' .. before)
    end
    redis.call('ZADD', declared, score(text_lasts), '= ' .. text)
  end
  local longest = redis.call('ZRANGE', declared, -1, -1, 'WITHSCORES')[2]
  if longest then
    redis.call('PEXPIRE', declared, math.ceil(math.min(longest - now, LONGEST) / 1000) + 1000)
  end
  if text ~= '' and before and before ~= text then
    return { 1, before }
  end
  return { 1 }
end
