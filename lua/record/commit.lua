--- Finish an entry of a worker and make several changes of its space: both, or nothing.
--
-- Invariants. As record.lua; and only the consumer that has the lease of the entry's position makes changes. Finishing ends the lease, so
-- the changes of an entry are made once in its group, however often its handler runs. `answers` has the results of a consumer's last
-- commits, until it confirms them: so a commit of unknown fate can be sent again, and differs from a lost lease.
--
-- When the worker's process dies: before the call, the lease ends and the entry is handled again. After the script, the entry and its
-- changes are done, and nobody handles it again. There is no moment between the two.
-- @batch 64
-- @full refused      it adds entries, members and events; the entry stays with its worker
-- @include record/effects
-- @include typed
-- @include stream/groups
-- @include stream/pending
-- @include stream/acknowledge
-- @include stream/places
-- @shared keys keys  stream, stream of entries to handle again, hash of answers, with order by key its places (lua/_lib/stream/places.lua); then those of the changes, at the indexes in the plan
-- @shared each       how many keys an item has
-- @shared plan       JSON, see lua/_lib/record/effects.lua; also `group`, `consumer`, `declared`: groups of a work queue, - for an event log, and `places` of a key, if they have an order
-- @item keys own     of the changes
-- @item arg values   texts, each ending with the byte 31: m for the stream or r for the entries to handle again, position, with order by key a space and the place, positions whose answers were received, separated by spaces; then those of the changes
-- @returns integer|string as record.lua; "=" and the first results of this delivery; "l": the lease is lost

local DAY = 86400000
local stream, ready, answers = keys[1], keys[2], keys[3]
local of = effects.open(keys, plan)
local group, declared = of.group, of.declared
local wrong = of.wrong
  or typed(stream, 'stream')
  or typed(ready, 'stream')
  or typed(answers, 'hash')
  or effects.denied('XACK XDEL XTRIM XPENDING HSET HDEL PEXPIRE', stream, {})
local held = of.places and places.open(keys[4], keys[5], ready, of.places)
wrong = wrong or held and (places.wrong(held) or effects.denied('ZREMRANGEBYLEX XADD', stream, {}))
-- Whether every group of the stream is this one: then it alone decides when an entry is deleted.
local alone
local expires = false

local function finish(from, position)
  if from == 'r' then
    redis.call('XACK', ready, group, position)
    redis.call('XDEL', ready, position)
  elseif declared == '-' then
    redis.call('XACK', stream, group, position)
  elseif alone then
    redis.call('XACK', stream, group, position)
    redis.call('XDEL', stream, position)
  else
    acknowledge(stream, group, declared, { position })
  end
end

local function item(own, values)
  if wrong then
    return wrong
  end
  local texts = effects.texts(values, of.texts + 3)
  local from, position, received, place, location = texts[1], texts[2], texts[3], nil, nil
  if held then
    position, place = string.match(position, '^(%S+) ?(.*)$')
    location = from .. position
  end
  local field = from .. position
  local key = from == 'r' and ready or stream
  if not pending(key, group, { position }, of.consumer)[position] then
    local first = redis.call('HGET', answers, field)
    if first and of.durable then
      -- A write, so that WAIT also covers this reply.
      redis.call('HSET', answers, field, first)
    end
    return first and '=' .. first or 'l'
  end
  -- Another entry of its key has to be finished first, so the lease counts as lost.
  if place and place ~= '' and places.follows(redis.call('HGET', held.busy, place), location) then
    return 'l'
  end
  local plans, stop = effects.prepare(of, own, texts, 3)
  if not plans then
    return stop
  end
  if alone == nil and from == 'm' then
    alone = declared == group and #groups(stream) == 1
  end
  local results = effects.apply(of, plans)
  if type(results) == 'table' then
    return results
  end
  finish(from, position)
  if place and place ~= '' then
    places.leave(held, place, location, 1)
  end
  redis.call('HSET', answers, field, results)
  if received ~= '' then
    local gone = {}
    for each in string.gmatch(received, '%S+') do
      gone[#gone + 1] = each
    end
    redis.call('HDEL', answers, unpack(gone))
  end
  if not expires then
    expires = true
    redis.call('PEXPIRE', answers, DAY)
  end
  return '+' .. results
end
