--- Undo an increment by its id, in the windows that still count it.
-- @batch 1
-- @full runs         it deletes an entry, or changes a score
-- @include leaderboard/reversal
-- @shared keys keys  the windows' keys, of calendar windows for the time of the increment, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/reversal.lua
-- @item arg id       the increment's id
-- @item arg time     the time of the increment, in microseconds
-- @returns integer   1 when undone, 0 when there was nothing to undo, 2 when more entries have expired: call again

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
