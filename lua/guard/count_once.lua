--- Change counters as count.lua does, once for an id: the same id again gets the first answer.
--
-- Invariant: an id's changes are made once while it is remembered. Only a call that made its changes is remembered, so one that was
-- refused may try again. The changes and the memory of them are one script: no moment lies between.
-- @batch 64
-- @full refused      it may add counters, and remembers the answer
-- @include guard/counting
-- @include guard/counters
-- @include guard/dedup
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @shared window     milliseconds that the answer is remembered
-- @item key once     string: the first answer
-- @item arg changes  as count.lua
-- @returns integer|string as count.lua; "=" in place of "+" for the first answer again; "!" for an id that other changes have

local of = counters.open(keys, plan)

local function item(once, changes)
  local print = string.sub(redis.sha1hex(changes), 1, 10)
  local first = dedup.prepare(once)
  if first then
    if type(first) == 'table' then
      return first
    end
    return string.sub(first, 1, 10) == print and '=' .. string.sub(first, 12) or '!'
  end
  local planned = counting.prepare(of, changes)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  local answer = counting.apply(of, planned)
  dedup.apply(once, print .. answer, window)
  return answer
end
