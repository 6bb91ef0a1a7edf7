--- Add to a counter within the floor and the ceiling of its object: count.lua for the common call.
--
-- Invariant: as count.lua. This script checks and writes a counter without open reservations, whose field is one number, by itself. Other
-- counters are left to counting.lua.
-- @batch 64
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua, without a calendar
-- @item arg change   "+name" to add 1 to a counter, "-name" to take 1, "=by name" to add any whole number
-- @returns integer|string integer: the new value, of a counter without open reservations; text: as count.lua, or "again": more had to be given back first

local of = counters.open(keys, plan)
local values, floor, ceiling, initial = of.values, of.floor, of.ceiling, of.initial

local function item(change)
  local wait = counters.ready(of)
  if wait then
    return wait == 0 and 'again' or wait
  end
  local sign, name, by = string.sub(change, 1, 1), string.sub(change, 2), 1
  if sign == '-' then
    by = -1
  elseif sign == '=' then
    by, name = string.match(name, '^(%-?%d+) (.*)$')
    by = tonumber(by)
  end
  local text = redis.pcall('HGET', values, name)
  local value = text and tonumber(text) or not text and initial
  if not value or math.abs(value) > 9007199254740991 or value % 1 ~= 0 then
    return counting.count(of, string.format('%.0f - - %s', by, name))
  end
  local after = value + by
  if (by < 0 and after < floor) or (by > 0 and after > ceiling) then
    return string.format('-\n1 %s %.0f 0 0', by < 0 and 'floor' or 'ceiling', value)
  end
  if of.followed ~= false then
    counters.tell(of, by > 0 and '+' or '-', name)
  end
  -- Clients may not read an integer close to 2^53 exactly.
  local exact = math.abs(after) > 9000000000000000 and string.format('+\n%.0f 0 0', after) or after
  if after == initial then
    redis.call('HDEL', values, name)
    return exact
  end
  if text then
    redis.call('HINCRBY', values, name, string.format('%.0f', by))
    return exact
  end
  redis.call('HSET', values, name, string.format('%.0f', after))
  return exact
end
