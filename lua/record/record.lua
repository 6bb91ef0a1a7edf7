--- Make several changes in a space: all of an item, or none.
--
-- Invariants. Everything that can refuse is before the first write of an item: the types of all keys, the user's right to each
-- command, floors and ceilings, full streams, known ids, versions, scores that would be too large. Removing what has expired, a
-- bounded number of entries, is the only write before that, and no read can notice it. So all changes of an item are made, or none.
-- The changes, the events and the answer under the item's id are written by one script. Within the window of an id all calls with it
-- get the answer of the one that made its changes. A refused call is not stored.
--
-- When the client's process dies: before the call, nothing is done. After it was sent, it is done or not; the client that asks again
-- with the same id makes it done once. Redis dies in the middle: the AOF and replicas get the writes of a script as one transaction,
-- so all of an item are there after the restart, or none. The items of a batch are such a transaction together.
-- @batch 64
-- @full refused      it adds entries, members and events
-- @include record/effects
-- @include guard/dedup
-- @shared keys keys  of the changes, at the indexes in the plan
-- @shared each       how many keys an item has
-- @shared plan       JSON, see lua/_lib/record/effects.lua; also `window`, the milliseconds for which answers are stored, `print`, which the calls of an id must have in common, `durable`, and `explain`, to change nothing
-- @item keys own     the string of the id, if there is a `window`; then those of the changes
-- @item arg values   the texts of the changes, each ending with the byte 31
-- @returns integer|string 0: call again, more had to expire; more: the time, other periods are needed; text: "+" and the results; "=" and the first results of this id; "!": the id belongs to other changes; "-" and a line for each refused change

local of = effects.open(keys, plan)
local window = of.window
local wrong = of.wrong or window and effects.denied('SET', keys[1], {})

local function item(own, values)
  if wrong then
    return wrong
  end
  if window then
    local first = dedup.prepare(own[1])
    if first then
      if type(first) == 'table' then
        return first
      end
      if of.durable then
        -- A write, so that WAIT also covers this reply.
        redis.call('SET', own[1], first, 'KEEPTTL')
      end
      local length = #of.print
      return string.sub(first, 1, length) == of.print and '=' .. string.sub(first, length + 1) or '!'
    end
  end
  local plans, stop = effects.prepare(of, own, effects.texts(values, of.texts), 0)
  if not plans then
    return stop
  end
  if of.explain then
    return '+'
  end
  local results = effects.apply(of, plans)
  if type(results) == 'table' then
    return results
  end
  if window then
    dedup.apply(own[1], of.print .. results, window)
  end
  return '+' .. results
end
