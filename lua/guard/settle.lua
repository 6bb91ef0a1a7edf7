--- Commit or cancel a reservation of counters.
--
-- Invariant: a reservation ends once. How it ended is stored, so a caller that got no answer may repeat the call: it gets the same answer
-- and changes nothing. An expired reservation cannot be committed: others may have taken its stock.
-- @batch 128
-- @together
-- @full runs         it ends a reservation, and gives it back or makes it a change
-- @include guard/counters
-- @include guard/reserving
-- @include now
-- @shared keys keys  counters, expiry of reservations, reservations; with a calendar those of the next period too, where it may be
-- @shared plan       as count.lua, without a calendar
-- @item arg id       of the reservation
-- @item arg how      "x" to cancel, "c" to commit; then a line "by name" for each counter of which another amount is committed
-- @returns integer|string 0: call again; "+": ended now; else how it ended before: "c", "x", "e" (expired), or "" when it is unknown; "!name": the amount exceeds the reserved one

local of = counters.open(keys, plan)
local later = keys[4] and counters.open({ keys[4], keys[5], keys[6] }, plan)

-- The common item: a commit of one change that was reserved. Nothing for any other item.
local score = string.format('%.0f', now + of.remember)

local function commit_one(id, how)
  local record = of.records[id]
  local by, name = string.match(how == 'c' and record or '', '^r\n(%-?%d+) ([^\n]+)$')
  if not by then
    return nil
  end
  by = tonumber(by)
  local state = of.states[name]
  state[1] = state[1] + by
  if by < 0 then
    state[2] = math.min(0, state[2] - by)
  else
    state[3] = math.max(0, state[3] - by)
  end
  of.changed[name], of.records[id], of.changed_records[id] = state, 'c', 'c'
  local ended = of.ended
  ended[#ended + 1] = score
  ended[#ended + 1] = id
  if of.followed ~= false then
    counters.tell(of, by < 0 and '-' or '+', name)
  end
  return '+'
end

local function together(values)
  if later or counters.ready(of) then
    return nil
  end
  local ids = {}
  for at = 1, #values, 2 do
    ids[#ids + 1] = values[at]
  end
  if reserving.begin(of, ids) then
    return nil
  end
  local replies = {}
  for at = 1, #values, 2 do
    local id, how = values[at], values[at + 1]
    replies[#replies + 1] = commit_one(id, how) or reserving.finish(of, nil, id, how)
  end
  counters.flush(of)
  return replies
end

local function item(id, how)
  return reserving.finish(of, later, id, how)
end
