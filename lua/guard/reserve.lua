--- Reserve changes of counters, all of an item or none, for a time.
--
-- Invariant: what is reserved is counted against floor and ceiling until the reservation is committed, cancelled or expires; then it is
-- a change that was made, or nothing. The sums in the counters and the record of the reservation are written by one script. If the
-- process dies after it, the reservation expires, and the next call on these counters gives back what it holds.
-- @batch 64
-- @full refused      it may add counters, and keeps the reservation
-- @include guard/counting
-- @include guard/counters
-- @include guard/reserving
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @item arg changes  as count.lua
-- @item arg id       of the reservation
-- @item arg lasts    milliseconds until it expires
-- @returns integer|string as count.lua; "=" and the state of the reservation that has the id

local of = counters.open(keys, plan)

local function item(changes, id, lasts)
  local planned = counting.prepare(of, changes, true)
  local first = counters.ready(of) == nil and reserving.prepare(of, id)
  if first then
    return type(first) == 'table' and first or '=' .. first
  end
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  local answer = counting.apply(of, planned)
  reserving.apply(of, id, changes, lasts)
  return answer
end
