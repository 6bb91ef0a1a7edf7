--- Read a schedule.
-- @batch 16
-- @readonly
-- @include now
-- @include typed
-- @include stream/schedule
-- @item key schedules hash, see lua/_lib/stream/schedule.lua
-- @item key due     sorted set of next occurrences
-- @item arg id      schedule
-- @returns list     Redis' time in ms; then the schedule, see `schedule.state`, if it exists

local function item(schedules, due, id)
  local wrong = typed(schedules, 'hash') or typed(due, 'zset')
  if wrong then
    return wrong
  end
  local ms = math.floor(now / 1000)
  if redis.call('HGET', schedules, 'r' .. id) then
    return { ms, schedule.state(schedules, due, id) }
  end
  return { ms }
end
