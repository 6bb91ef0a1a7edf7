--- Add to a counter within the floor and the ceiling of its object: count.lua for the common call.
--
-- Invariant: as count.lua. All items of a call are checked and written together when no counter has open reservations; else each by
-- itself, by counting.lua.
-- @batch 128
-- @together
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua, without a calendar
-- @item arg change   "+name" to add 1 to a counter, "-name" to take 1, "=by name" to add any whole number
-- @returns integer|string integer: the new value, of a counter without open reservations; text: as count.lua, or "again": more had to be given back first

local of = counters.open(keys, plan)
local values, floor, ceiling, initial = of.values, of.floor, of.ceiling, of.initial

local function parts(change)
  local sign = string.byte(change)
  if sign == 43 then
    return string.sub(change, 2), 1
  elseif sign == 45 then
    return string.sub(change, 2), -1
  end
  local by, name = string.match(change, '^=(%-?%d+) (.*)$')
  return name, tonumber(by)
end

local function together(changes)
  if counters.ready(of) then
    return nil
  end
  local names, amounts = {}, {}
  for at = 1, #changes do
    names[at], amounts[at] = parts(changes[at])
  end
  local texts = redis.pcall('HMGET', values, unpack(names))
  if texts.err then
    return nil
  end
  -- Of counters that change, names and values in turn; and where the value of a name is.
  local set, place, replies = {}, {}, {}
  for at = 1, #names do
    local name, by = names[at], amounts[at]
    local to = place[name]
    local value = to and set[to]
    if not value then
      local text = texts[at]
      value = text and tonumber(text) or not text and initial
      if not value or value % 1 ~= 0 or value > 9007199254740991 or value < -9007199254740991 then
        return nil
      end
    end
    local after = value + by
    if by < 0 and after < floor then
      replies[at] = string.format('-\n1 floor %.0f 0 0', value)
    elseif by > 0 and after > ceiling then
      replies[at] = string.format('-\n1 ceiling %.0f 0 0', value)
    else
      if not to then
        to = #set + 2
        set[to - 1], place[name] = name, to
      end
      set[to] = after
      -- Clients may not read an integer close to 2^53 exactly.
      replies[at] = (after > 9000000000000000 or after < -9000000000000000) and string.format('+\n%.0f 0 0', after) or after
      if of.followed ~= false then
        counters.tell(of, by > 0 and '+' or '-', name)
      end
    end
  end
  local gone = {}
  for at = #set, 2, -2 do
    if set[at] == initial then
      gone[#gone + 1] = set[at - 1]
      set[at - 1], set[at] = set[#set - 1], set[#set]
      set[#set], set[#set - 1] = nil, nil
    end
  end
  if #set > 0 then
    redis.call('HSET', values, unpack(set))
  end
  if #gone > 0 then
    redis.call('HDEL', values, unpack(gone))
  end
  return replies
end

local function item(change)
  local wait = counters.ready(of)
  if wait then
    return wait == 0 and 'again' or wait
  end
  local replies = together({ change })
  if replies then
    return replies[1]
  end
  local name, by = parts(change)
  return counting.count(of, string.format('%.0f - - %s', by, name))
end
