--- Commit or cancel a reservation of counters.
--
-- Invariant: a reservation ends once. How it ended is stored, so a caller that got no answer may repeat the call: it gets the same answer
-- and changes nothing. An expired reservation cannot be committed: others may have taken its stock.
-- @batch 64
-- @full runs         it ends a reservation, and gives it back or makes it a change
-- @include guard/counters
-- @include guard/reserving
-- @shared keys keys  counters, expiry of reservations, reservations; with a calendar those of the next period too, where it may be
-- @shared plan       as count.lua, without a calendar
-- @item arg id       of the reservation
-- @item arg how      "x" to cancel, "c" to commit; then a line "by name" for each counter of which another amount is committed
-- @returns integer|string 0: call again; "+": ended now; else how it ended before: "c", "x", "e" (expired), or "" when it is unknown; "!name": the amount exceeds the reserved one

local of = counters.open(keys, plan)
local later = keys[4] and counters.open({ keys[4], keys[5], keys[6] }, plan)

local function item(id, how)
  return reserving.finish(of, later, id, how)
end
