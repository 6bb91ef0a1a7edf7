--- Add to a counter, or take from it, within the floor and the ceiling of its object: count.lua for the common call.
--
-- Invariant as count.lua. A counter without open reservations, which is a number alone, is checked and written here; any other as
-- count.lua does it.
-- @batch 64
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua, without a calendar
-- @item arg name     of the counter
-- @item arg by       whole number to add
-- @returns integer|string integer: the value after it, of a counter without open reservations; text as count.lua, or "again": more had to be given back first

local of = counters.open(keys, plan)
local values, floor, ceiling, initial = of.values, of.floor, of.ceiling, of.initial

local function item(name, by)
  local wait = counters.ready(of)
  if wait then
    return wait == 0 and 'again' or wait
  end
  local text = redis.pcall('HGET', values, name)
  local value = text and tonumber(text) or not text and initial
  if not value or math.abs(value) > 9007199254740991 or value % 1 ~= 0 then
    local planned = counting.prepare(of, by .. ' - - ' .. name)
    if type(planned) ~= 'table' or planned.err then
      return planned
    end
    return counting.apply(of, planned)
  end
  local change = tonumber(by)
  local after = value + change
  if (change < 0 and after < floor) or (change > 0 and after > ceiling) then
    return string.format('-\n1 %s %.0f 0 0', change < 0 and 'floor' or 'ceiling', value)
  end
  -- Clients may not read an integer close to 2^53 exactly.
  local exact = math.abs(after) > 9000000000000000 and string.format('+\n%.0f 0 0', after) or after
  if after == initial then
    redis.call('HDEL', values, name)
    return exact
  end
  if text then
    redis.call('HINCRBY', values, name, by)
    return exact
  end
  redis.call('HSET', values, name, string.format('%.0f', after))
  return exact
end
