--- Remove a member and its data from every window of a board, previous periods and the next one included.
--
-- It reads each sorted set of the plan, at most 832.
-- @batch 1
-- @full runs         it frees the member's memory; its markers are smaller, and expire with the log
-- @include leaderboard/removal
-- @shared keys keys  sorted sets, logs and data, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/removal.lua
-- @item arg member   member
-- @returns integer|string 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; else '1' when the member was in a current period, '0' when not

local of = removal.open(keys, plan)

local function item(member)
  local planned = removal.prepare(of, member)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return removal.apply(of, planned)
end
