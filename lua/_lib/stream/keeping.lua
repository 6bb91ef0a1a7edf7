-- `keeping`: what scripts need of outcomes.lua that mostly move entries without one, and then do not load it. `held` has the keys of results
-- as its third and fourth, `channels` is the prefix of their channels.
--
-- - `keeping.outcome(held, channels, delivery, text)` keeps the outcome of an entry that was added with `result`, and frees its dedup id.
-- - `keeping.forget(held, channels)` deletes some outcomes whose time is over.
-- @lazy stream/outcomes
local keeping = {}

function keeping.outcome(held, channels, delivery, text)
  if delivery.o then
    local outcomes = load_outcomes()
    outcomes.keep(outcomes.open(held[3], held[4], channels), delivery, text)
  end
end

function keeping.forget(held, channels)
  if redis.call('EXISTS', held[4]) == 1 then
    local outcomes = load_outcomes()
    outcomes.forget(outcomes.open(held[3], held[4], channels))
  end
end
