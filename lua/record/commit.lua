--- Finish an entry of a worker and make several changes of its space: both, or nothing.
--
-- Invariants. As record.lua; and only the consumer that has the lease of the entry's position makes changes. Finishing ends the lease, so
-- the changes of an entry are made once in its group, however often its handler runs. `answers` has the results of a consumer's last
-- commits, until it confirms them: so a commit of unknown fate can be sent again, and differs from a lost lease. A commit of other
-- effects does not get them: the entry is finished, so for that commit the lease is lost.
--
-- When the worker's process dies: before the call, the lease ends and the entry is handled again. After the script, the entry and its
-- changes are done, its outcome is kept if that was asked for, and nobody handles it again. There is no moment between the two.
-- @batch 64
-- @full refused      it adds entries, members and events; the entry stays with its worker
-- @include record/effects
-- @include record/denied
-- @include typed
-- @include stream/finishing
-- @include stream/placing
-- @include stream/keeping
-- @shared keys keys  stream, stream of entries to handle again, hash of answers, with order by key its places (stream/places.lua), with channels of outcomes the results and their times (stream/outcomes.lua); then those of the changes, at the indexes in the plan
-- @shared each       how many keys an item has
-- @shared size       how many texts the plan has
-- @shared plan       texts, each ending with a zero byte: the group; the consumer; groups of a work queue, - for an event log; 1 if WAIT follows; places of a key, 0 without order; prefix of the pub/sub channels of outcomes, empty where none are kept; a print of the effects; then groups of changes, see lua/_lib/record/effects.lua
-- @item keys own     of the changes
-- @item arg values   texts, each ending with a zero byte: m for the stream or r for the entries to handle again, position, with order by key a space and the place, which the script finds where it is not given, positions whose answers were received, separated by spaces; the id and the milliseconds to keep its outcome, or nothing, or ? to find them in the entry; then those of the changes
-- @returns integer|string as record.lua; "=" and the first results of this delivery; "l": the lease is lost

local DAY = 86400000
local stream, ready, answers = keys[1], keys[2], keys[3]
local of = effects.open(keys, plan, size, 7, 4)
local group, consumer, declared, durable, most, channels, print = unpack(of.fields, 1, 7)
local wrong = of.wrong
  or typed(stream, 'stream')
  or typed(ready, 'stream')
  or typed(answers, 'hash')
  or denied({ 'XACK', 'XDEL', 'XTRIM', 'XPENDING', 'XINFO', 'HSET', 'HDEL', 'PEXPIRE' }, stream, {})
-- With order by key: what places.lua works on.
local places, held = placing(most, keys[4], keys[5], ready)
wrong = wrong or held and (places.wrong(held) or denied({ 'XADD', 'ZRANGE', 'ZREMRANGEBYLEX' }, stream, {}))
local results, due = keys[held and 6 or 4], keys[held and 7 or 5]
local expires = false

-- Whether this consumer has the lease of a position. Without the group there are no leases.
local function is_leased(key, position)
  local leases = redis.pcall('XPENDING', key, group, position, position, '1', consumer)
  if leases.err and not string.match(leases.err, '^NOGROUP') then
    error(leases)
  end
  return leases[1] ~= nil
end

-- The fields of an entry.
local function read(key, position)
  local fields, named = (redis.call('XRANGE', key, position, position)[1] or { position, {} })[2], {}
  for at = 1, #fields, 2 do
    named[fields[at]] = named[fields[at]] or fields[at + 1]
  end
  return named
end

-- The place of an entry whose caller does not know it; empty when it has none.
local function place_of(key, position)
  return read(key, position).k or ''
end

-- The entry, with its id and own terms; nil when its outcome is not kept and it has no dedup id.
local function kept_of(key, position, given)
  if channels == '' or given == '' then
    return nil
  elseif given ~= '?' then
    local id, lasts = string.match(given, '^(%S+) (%d+)$')
    return { i = id, o = 'r' .. lasts }
  end
  local named = read(key, position)
  return named.o and string.find(named.o, '[ru]%d') and { i = named.i or position, o = named.o } or nil
end

-- Whether an entry before it has to be finished first, or it is not in its run any more. A run as a whole cannot be finished.
local function out_of_order(place, location)
  local value = places.get(held, place) or ''
  if places.run(location) then
    return not places.is_in(value, location) or places.follows(value, location)
  end
  return places.follows(value, location) or string.find(' ' .. value, ' ' .. location .. '/', 1, true) ~= nil
end

local function item(own, values)
  if wrong then
    return wrong
  end
  local texts = effects.texts(of, values)
  local from, position, received, asked, place, location = texts[1], texts[2], texts[3], texts[4], '', nil
  if held then
    local given
    position, given, place = string.match(position, '^(%S+)( ?)(.*)$')
    location = from .. position
    if given == '' then
      place = place_of(from == 'r' and ready or stream, position)
    end
  end
  local field = from .. position
  local key = from == 'r' and ready or stream
  -- That of a run, if the entry is in one.
  local base = held and string.match(position, '^[^/]*') or position
  if not is_leased(key, base) then
    local first = redis.call('HGET', answers, field)
    if first and durable == '1' then
      -- A write, so that WAIT also covers this reply.
      redis.call('HSET', answers, field, first)
    end
    local length = #print
    return first and string.sub(first, 1, length) == print and '=' .. string.sub(first, length + 1) or 'l'
  end
  -- Another entry of its key has to be finished first, so the lease counts as lost.
  if place ~= '' and out_of_order(place, location) then
    return 'l'
  end
  local kept = kept_of(key, base, asked)
  local refused = kept and (typed(results, 'hash') or typed(due, 'zset') or denied({ 'ZADD', 'ZRANGE', 'ZREM' }, stream, {}))
  if refused then
    return refused
  end
  local may, stop = effects.prepare(of, own, texts)
  if not may then
    return stop
  end
  local made = effects.apply(of, texts)
  if type(made) == 'table' then
    return made
  end
  if place ~= '' then
    places.leave(held, place, location, 1)
  end
  if from ~= 'r' then
    finishing(stream, group, declared, position)
  elseif base == position or places.left(held, place, position) then
    redis.call('XACK', ready, group, base)
    redis.call('XDEL', ready, base)
  end
  if kept then
    keeping.outcome({ '', '', results, due }, channels, kept, 'd')
  end
  redis.call('HSET', answers, field, print .. made)
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
  return effects.mark(of) .. made
end
