-- `keep_dead(dead, keep)`: deletes the dead letters that a group need not keep. `keep` is how many of the newest to keep and for how many
-- milliseconds, where 0 means no limit. A call deletes at most some 5,000 for each; the next one continues.
-- @include now
local MOST_FORGOTTEN = 5000

local function trim_dead(dead, how, bound)
  -- Whole nodes first, which is fast, then the rest of one.
  if redis.call('XTRIM', dead, how, '~', bound, 'LIMIT', MOST_FORGOTTEN) < MOST_FORGOTTEN / 2 then
    redis.call('XTRIM', dead, how, '=', bound)
  end
end

local function keep_dead(dead, keep)
  local entries, age = string.match(keep, '^(%d+) (%d+)$')
  if entries ~= '0' then
    trim_dead(dead, 'MAXLEN', entries)
  end
  if age ~= '0' then
    trim_dead(dead, 'MINID', string.format('%.0f', math.max(0, math.floor(now / 1000) - age)))
  end
end
