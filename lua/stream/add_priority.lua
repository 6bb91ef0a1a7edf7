--- Append an entry of high or low priority to a work queue with one group. One of high priority goes into ready, with the entries that the group
-- handles again, which workers read beside new ones. One of low priority goes into `low` (low.lua) while another entry of the group waits, and
-- otherwise into ready, where idle workers wait. One with a time goes into delayed: in the stream it would be found only behind the entries there.
--
-- Invariant: the entry has an id that no other entry of the stream gets, and is in one place of the group: `low`, ready or delayed. With a dedup
-- id it is added once, as by `stream/add_once` or, with `unique_id`, by `stream/add_unfinished`.
-- If the process dies before the script, nothing was added; after it, the entry and its dedup id are there. The first entry in `low`, and entries
-- in delayed, publish a message. A worker that does not get it notices within ten seconds.
-- @batch 64
-- @full refused      it adds an entry
-- @include now
-- @include stream/append
-- @include stream/due_at
-- @include stream/entry
-- @include stream/low
-- @include stream/reserve
-- @include stream/unique
-- @include stream/waits
-- @include typed
-- @shared keys of  the stream; of the group ready, `low`, delayed, the hash of places of keys, which also counts these entries (lua/_lib/stream/places.lua), results and their times (outcomes.lua); with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @shared group    group
-- @shared workers  pub/sub channel that the group's workers follow, l for an entry in `low`, empty for one in delayed
-- @item key added  string: the id of the entry that was added with this dedup id; without one the stream
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), if any
-- @item arg unique_id u and the digits of a dedup id that is free once the entry ends, or empty
-- @item arg window milliseconds for which the dedup id is remembered; 0: it has none
-- @item arg priority h or l
-- @returns string|null the entry's id, with a leading = if it was added before; null when the stream is full

local queue, ready, lows, delayed, counted, results, ends = of[1], of[2], of[3], of[4], of[5], of[6], of[7]
local stream = append.open({ queue, of[8] }, 1, limits)
local wrong = typed(ready, 'stream') or typed(lows, 'zset') or typed(delayed, 'zset') or typed(counted, 'hash')
-- Of this item.
local is_low
-- Whether a message about an entry in delayed was published.
local announced = false
-- Whether an entry of the group waits, and whether one is in `low`; nil until it is known.
local others, has_low

function stream.count()
  return redis.call('XLEN', ready) + redis.call('ZCARD', lows)
end

local function put_low(delivery)
  if has_low == nil then
    has_low = redis.call('EXISTS', lows) == 1
    others = others or has_low or waits(ready, group) or waits(queue, group)
  end
  if not others then
    entry.put_ready(ready, delivery)
    return
  end
  low.put(lows, delivery)
  if not has_low then
    has_low = true
    redis.pcall('SPUBLISH', workers, 'l')
  end
end

local function put_delayed(delivery, time)
  entry.put_delayed(delayed, delivery, time)
  if not announced then
    announced = true
    redis.pcall('SPUBLISH', workers, '')
  end
end

function stream.put(into, payload, trace, due, own)
  local id = reserve(into)
  if type(id) == 'table' then
    return id
  end
  local delivery = { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil }
  if due ~= '' then
    put_delayed(delivery, due_at(due))
  elseif is_low then
    put_low(delivery)
    others = true
  else
    entry.put_ready(ready, delivery)
    others = true
  end
  -- It was not added to the stream itself.
  redis.call('HINCRBY', counted, '', 1)
  return id
end

local function known_id(added, unique_id)
  if unique_id ~= '' then
    return unique.known(results, ends, unique_id)
  end
  local known = redis.call('GET', added)
  if known then
    -- A write, so that WAIT in a durable add also covers this reply.
    redis.call('SET', added, known, 'KEEPTTL')
  end
  return known
end

local function item(added, payload, trace, due, unique_id, window, priority)
  local once = window ~= '0'
  local refused = wrong or unique_id ~= '' and unique.wrong(results, ends)
    or once and unique_id == '' and typed(added, 'string')
  if refused then
    return refused
  end
  local known = once and known_id(added, unique_id)
  if known then
    return '=' .. known
  end
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  is_low = priority == 'l'
  local id = append.apply(stream, payload, trace, due)
  if once and type(id) == 'string' then
    local time = due_at(string.match(due, '^[^;]*'))
    if unique_id ~= '' then
      unique.put(results, ends, unique_id, id, time, window)
    else
      redis.call('SET', added, id, 'PX', string.format('%.0f', math.max(window, time - math.floor(now / 1000))))
    end
  end
  return id
end
