--- Change counters as count.lua does, once for an id: the same id again gets the first answer.
--
-- Invariant: an id's changes are made once while its answer is stored. Only a call that made its changes is stored, so a refused one
-- may be repeated. One script writes the changes and the answer: a crash cannot separate them.
-- @batch 64
-- @full refused      it may add counters, and stores the answer
-- @include guard/counting
-- @include guard/counters
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @shared window     milliseconds for which the answer is stored
-- @item key once     string: the first answer
-- @item arg changes  as count.lua
-- @returns integer|string as count.lua; "=" in place of "+" for the first answer again; "!" when the id had other changes

local of = counters.open(keys, plan)

local function item(once, changes)
  return counting.count_once(of, once, changes, window)
end
