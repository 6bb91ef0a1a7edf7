--- Store the progress of an entry that a worker has, that it is about to commit it, or the outcome after that, for those that wait for its
-- result.
--
-- Invariant: a worker without the lease stores only an outcome, and that only of an entry that has none.
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
-- @item arg keep   milliseconds for which it is kept
-- @item arg text   p and JSON; m; or r and an outcome, see lua/_lib/stream/outcomes.lua
-- @returns integer 1 when it was stored

local function item(stream, position, id, keep, text)
  local wrong = typed(stream, 'stream') or typed(held[1], 'hash') or typed(held[2], 'zset')
  if wrong then
    return wrong
  end
  local of = outcomes.open(held[1], held[2], channels)
  local what = string.sub(text, 1, 1)
  local refused
  if what == 'r' then
    refused = outcomes.read(of, id)
  else
    refused = not pending(stream, group, { position }, consumer)[position]
  end
  if refused then
    return 0
  end
  outcomes.put(of, what, id, keep, string.sub(text, 2))
  return 1
end
