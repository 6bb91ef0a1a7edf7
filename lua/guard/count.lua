--- Change counters: all changes of an item, or none.
--
-- Invariant: no counter goes below its floor or above its ceiling, with open reservations counted as made. All of an item is checked before
-- its first write, which is one HSET. A process that dies before or after the call leaves nothing half done. A caller that gets no answer
-- does not know the outcome: with an id (count_once.lua) it may ask again.
-- @batch 64
-- @full refused      it may add counters
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  counters, expiry of reservations, reservations; with a calendar those of the next period too
-- @shared plan       see lua/_lib/guard/counters.lua
-- @item arg changes  a line "by floor ceiling name" for each change
-- @returns integer|string 0: call again, more had to be given back; more: the time, other periods are needed; text: "+" and the counters, or "-" and the refused changes

local of = counters.open(keys, plan)

local function item(changes)
  return counting.count(of, changes)
end
