--- Take back an increment by its id, in the windows that still count it.
-- @batch 1
-- @full runs         it takes an entry out, or changes a score
-- @include leaderboard/reversal
-- @shared keys keys  the windows' keys, calendar ones of the periods in which it was made, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/reversal.lua
-- @item arg id       the increment's id
-- @item arg time     when it was made, in microseconds
-- @returns integer   1 when undone, 0 when there was nothing to undo, 2 when more has to leave rolling windows: call again

local of = reversal.open(keys, plan)

local function item(id, time)
  local planned = reversal.prepare(of, id, time)
  if not planned then
    return 0
  end
  if planned == 0 then
    return 2
  end
  if planned.err then
    return planned
  end
  reversal.apply(of, planned)
  return 1
end
