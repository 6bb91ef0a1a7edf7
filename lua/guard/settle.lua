--- Commit or cancel a reservation of counters.
--
-- Invariant: a reservation ends once. How it ended is remembered, so the same call again, by a process that did not hear the answer, gets
-- the same answer and changes nothing. One that expired before cannot be committed: what it held may be taken.
-- @batch 64
-- @full runs         it ends a reservation, and what it holds is given back or becomes a change
-- @include guard/counters
-- @include guard/reserving
-- @shared keys keys  counters, when reservations are due, reservations; with a calendar also those of the next period, where it may lie
-- @shared plan       as count.lua, without a calendar
-- @item arg id       of the reservation
-- @item arg how      "c" to commit, "x" to cancel
-- @returns integer|string 0: call again; "+": ended now; else how it ended before: "c", "x", "e" (expired), or "" when it is not known

local of = counters.open(keys, plan)
local later = keys[4] and counters.open({ keys[4], keys[5], keys[6] }, plan)

local function item(id, how)
  local at = of
  local planned = reserving.prepare_end(of, id)
  if planned == '' and later then
    at = later
    planned = reserving.prepare_end(later, id)
  end
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  reserving.apply_end(at, planned, how)
  return '+'
end
