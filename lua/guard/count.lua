--- Change counters: all changes of an item, or none.
--
-- Invariant: no counter goes below its floor or above its ceiling, open reservations counted as made. All of an item is checked before
-- its first write, which is one HSET. A process that dies before or after the call leaves nothing half done; one that does not hear the
-- answer does not know its fate: give the call an id (count-once.lua).
-- @batch 64
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  counters, when reservations are due, reservations; with a calendar those of the next period too
-- @shared plan       see lua/_lib/guard/counters.lua
-- @item arg changes  a line "by floor ceiling name" for each change
-- @returns integer|string 0: call again, more had to be given back; more: the time, other periods are needed; text: "+" and the counters, or "-" and what is refused

local of = counters.open(keys, plan)

local function item(changes)
  local planned = counting.prepare(of, changes)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return counting.apply(of, planned)
end
