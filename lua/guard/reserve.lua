--- Reserve changes of counters for a time, all of an item or none.
--
-- Invariant: a reserved change counts against floor and ceiling until the reservation is committed, cancelled or expires. Then it is a
-- change that was made, or nothing. One script writes the sums in the counters and the record of the reservation. If the process
-- dies after it, the reservation expires, and the next call on these counters gives it back.
-- @batch 128
-- @together
-- @full refused      it may add counters, and stores the reservation
-- @include guard/counters
-- @include guard/reserving
-- @include now
-- @include typed
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @item arg changes  as count.lua
-- @item arg id       of the reservation
-- @item arg lasts    milliseconds until it expires; negative when no other reservation has the id
-- @returns integer|string as count.lua; "=" and the state of the reservation that has the id

local of = counters.open(keys, plan)

local function names_of(values)
  local names, seen = {}, {}
  for at = 1, #values, 3 do
    for name in string.gmatch(values[at], '%-?%d+ %S+ %S+ ([^\n]+)') do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  return names
end

-- The common item, without the tables of the others: one change within the object's own limits, with a new id. Nothing for any other item.
local scores = {}

local function reserve_one(changes, id, lasts)
  local by, name = string.match(changes, '^(%-?%d+) %- %- ([^\n]+)$')
  if not by or string.byte(lasts) ~= 45 then
    return nil
  end
  local amount, state = tonumber(by), of.states[name]
  local value, down, up = state[1], state[2], state[3]
  if amount < 0 and value + down + amount < of.floor then
    return string.format('-\n1 floor %.0f %.0f %.0f', value, down, up)
  end
  if amount > 0 and value + up + amount > of.ceiling then
    return string.format('-\n1 ceiling %.0f %.0f %.0f', value, down, up)
  end
  if amount < 0 then
    down = down + amount
  else
    up = up + amount
  end
  state[2], state[3] = down, up
  of.changed[name], of.changed_records[id] = state, 'r\n' .. by .. ' ' .. name
  if not scores[lasts] then
    scores[lasts] = string.format('%.0f', now - lasts * 1000)
    counters.tell(of, 't', string.sub(lasts, 2))
  end
  local made = of.made
  made[#made + 1] = scores[lasts]
  made[#made + 1] = id
  return string.format('+\n%.0f %.0f %.0f', value, down, up)
end

local function together(values)
  if counters.ready(of) or typed(of.reserved, 'hash') or counters.begin(of, names_of(values)) then
    return nil
  end
  local replies = {}
  for at = 1, #values, 3 do
    local changes, id, lasts = values[at], values[at + 1], values[at + 2]
    local reply = reserve_one(changes, id, lasts)
    if not reply then
      lasts = tonumber(lasts)
      reply = reserving.reserve(of, changes, id, math.abs(lasts), lasts < 0)
    end
    replies[#replies + 1] = reply
  end
  counters.flush(of)
  return replies
end

local function item(changes, id, lasts)
  lasts = tonumber(lasts)
  return reserving.reserve(of, changes, id, math.abs(lasts), lasts < 0)
end
