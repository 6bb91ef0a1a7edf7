--- Declare the rules of a limiter, or refuse rules that use another calendar for the same state.
--
-- The count of a calendar rule belongs to a period. A process with another calendar would read it as the count of its own
-- period, or of one that ended. So a calendar stays declared while processes use it, and then for as long as a count may exist.
-- A deploy may change everything else: the reply contains the previous declaration.
-- @batch 8
-- @full refused       the charge that follows is refused, too
-- @include now
-- @include typed
-- @item key declared    sorted set, scored by the microsecond at which a member expires: "rule calendar", or "= declaration"
-- @item arg calendars   a line for each calendar rule: its part, a slash, its name, a space, and its calendar
-- @item arg calendars_last   microseconds until they expire
-- @item arg text        the declaration as readable text; empty when the process sent it before
-- @item arg text_lasts  microseconds until it expires
-- @returns list         0, the rule, and its other calendar when refused; else 1, and the previous declaration if it differs

-- More than the calendars of a limiter, those of an older version included.
local MOST = 100
-- Another program may have added a member that never expires.
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
