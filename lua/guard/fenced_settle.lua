--- Commit or cancel a reservation with a fence token: refused when a later holder wrote.
--
-- Invariant: as settle.lua and fenced_count.lua.
-- @batch 64
-- @full runs         as settle.lua; the token is a few bytes
-- @include guard/counters
-- @include guard/fencing
-- @include guard/reserving
-- @shared keys keys  as settle.lua
-- @shared plan       as settle.lua
-- @shared periods    1, or 2 with a calendar
-- @item key fence    string: the highest token
-- @item arg token    of the caller's lease
-- @item arg id       as settle.lua
-- @item arg how      as settle.lua
-- @returns integer|string as settle.lua; "f" and the highest token

local of = counters.open(keys, plan)
local later = periods == '2' and counters.open({ keys[4], keys[5], keys[6] }, plan)

local function item(fence, token, id, how)
  token = tonumber(token)
  local refused = fencing.prepare(fence, token)
  if refused then
    return refused
  end
  local answer = reserving.finish(of, later, id, how)
  if answer == '+' then
    fencing.apply(fence, token)
  end
  return answer
end
