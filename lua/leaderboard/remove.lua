--- Take a member off every window of a board, previous periods and the next one included, with its data.
--
-- Touches as many sorted sets as the plan names, at most 832.
-- @batch 1
-- @full runs         it frees what the member had; its marks are smaller, and end with the log
-- @include leaderboard/removal
-- @shared keys keys  sorted sets, logs and data, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/removal.lua
-- @item arg member   member
-- @returns integer|string 0: call again, more had to leave; the time, when other periods are needed; else '1' when it was on the board now, '0' when not

local of = removal.open(keys, plan)

local function item(member)
  local planned = removal.prepare(of, member)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return removal.apply(of, planned)
end
