--- Store the progress of an entry that a worker has, for those that wait for its result.
--
-- Invariant: a worker without the lease stores nothing.
-- @batch 64
-- @full refused      it stores a value
-- @include stream/outcomes
-- @include stream/pending
-- @include typed
-- @shared keys held results and their times (lua/_lib/stream/outcomes.lua)
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared channels prefix of the pub/sub channels of outcomes
-- @item key stream stream, or the group's stream of ready entries
-- @item arg position position of the entry there
-- @item arg id     entry
-- @item arg keep   milliseconds for which its outcome will be kept
-- @item arg json   progress
-- @returns integer 1 when it was stored

local function item(stream, position, id, keep, json)
  local wrong = typed(stream, 'stream') or typed(held[1], 'hash') or typed(held[2], 'zset')
  if wrong then
    return wrong
  end
  if not pending(stream, group, { position }, consumer)[position] then
    return 0
  end
  outcomes.put(outcomes.open(held[1], held[2], channels), 'p', id, keep, json)
  return 1
end
