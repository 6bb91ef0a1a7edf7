--- Reserve changes of counters for a time, all of an item or none.
--
-- Invariant: a reserved change counts against floor and ceiling until the reservation is committed, cancelled or expires. Then it is a
-- change that was made, or nothing. One script writes the sums in the counters and the record of the reservation. If the process
-- dies after it, the reservation expires, and the next call on these counters gives it back.
-- @batch 64
-- @full refused      it may add counters, and stores the reservation
-- @include guard/counters
-- @include guard/reserving
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @item arg changes  as count.lua
-- @item arg id       of the reservation
-- @item arg lasts    milliseconds until it expires; negative when no other reservation has the id
-- @returns integer|string as count.lua; "=" and the state of the reservation that has the id

local of = counters.open(keys, plan)

local function item(changes, id, lasts)
  lasts = tonumber(lasts)
  return reserving.reserve(of, changes, id, math.abs(lasts), lasts < 0)
end
