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
-- @include record/denied
-- @include guard/dedup
-- @shared keys keys  of the changes, at the indexes in the plan
-- @shared each       how many keys an item has
-- @shared size       how many texts the plan has
-- @shared plan       texts, each ending with a zero byte: milliseconds for which answers are stored, or nothing; what the calls of an id must have in common; 1 if WAIT follows; 1 to change nothing; then groups, see lua/_lib/record/effects.lua
-- @item keys own     the string of the id, if answers are stored; then those of the changes
-- @item arg values   the texts of the changes, each ending with a zero byte
-- @returns integer|string 0: call again, more had to expire; more: the time, other periods are needed; text: "+", or "*" if all boards of the call are small, and the results; "=" and the first results of this id; "!": the id belongs to other changes; "-" and a line for each refused change

local of = effects.open(keys, plan, size, 4, 0)
local window, print, durable, explain = unpack(of.fields, 1, 4)
window, durable, explain = window ~= '' and window, durable == '1', explain == '1'
local wrong = of.wrong or window and denied({ 'SET' }, keys[1], {})

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
      if durable then
        -- A write, so that WAIT also covers this reply.
        redis.call('SET', own[1], first, 'KEEPTTL')
      end
      local length = #print
      return string.sub(first, 1, length) == print and '=' .. string.sub(first, length + 1) or '!'
    end
  end
  local texts = effects.texts(of, values)
  local may, stop = effects.prepare(of, own, texts)
  if not may then
    return stop
  end
  if explain then
    return '+'
  end
  local results = effects.apply(of, texts)
  if type(results) == 'table' then
    return results
  end
  if window then
    dedup.apply(own[1], print .. results, window)
  end
  return effects.mark(of) .. results
end
