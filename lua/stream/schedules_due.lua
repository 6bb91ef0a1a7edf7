--- Read the schedules that are due, the earliest first.
--
-- It returns at most 64, and stops after 256 KiB of definitions.
-- @batch 1
-- @readonly
-- @include now
-- @include typed
-- @include stream/schedule
-- @item key schedules hash, see lua/_lib/stream/schedule.lua
-- @item key due     sorted set of next occurrences
-- @item arg skip    due schedules to pass over
-- @returns list     Redis' time in ms; 1 when the stream has or has had schedules; ms until the first one that is not due yet, -1 without one; then the due schedules, see `schedule.state`

local MOST, MOST_BYTES = 64, 262144

local function item(schedules, due, skip)
  local wrong = typed(schedules, 'hash') or typed(due, 'zset')
  if wrong then
    return wrong
  end
  local ms = math.floor(now / 1000)
  local at = string.format('%.0f', ms)
  local later = redis.call('ZRANGE', due, '(' .. at, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  local wait = later and math.min(tonumber(later) - ms, 8e15) or -1
  local reply, bytes = { ms, redis.call('EXISTS', schedules), wait }, 0
  for _, id in ipairs(redis.call('ZRANGE', due, '-inf', at, 'BYSCORE', 'LIMIT', skip, MOST)) do
    local state = schedule.state(schedules, due, id)
    bytes = bytes + #state[2]
    reply[#reply + 1] = state
    if bytes >= MOST_BYTES then
      break
    end
  end
  return reply
end
