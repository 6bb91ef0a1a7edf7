-- `append`: adds an entry to a stream within its limits, in two phases.
--
-- - `append.open(key, limits, busy, queued)` returns a stream object; the format of `limits` is described below. The last two are the
--   keys of places.lua, of a stream with order by key.
-- - `append.prepare(stream)` only reads. It returns true when an entry may be added, false when the stream is full, or an error. It
--   counts the entries that were prepared and not added yet.
-- - `append.apply(stream, payload, trace, due)` adds the entry and trims the stream. It returns the entry's id, or the error when
--   Redis refused its first write; it then changed nothing. With order by key, `due` may have a space and the key behind it.
-- - `append.wrong(stream)` returns the error when the keys of places.lua have other types.
--
-- With order by key an entry goes into the stream if its key has a free place. Otherwise it is queued, under an id that no other entry
-- of the stream gets: XSETID raises the last id. A delayed entry takes no place; it asks for one when it is due.
--
-- Trimming is considered at every 64th length of a stream, with payloads over 2 KiB more often, so that each trim removes more
-- than was added. A trim removes at most 256 entries or some 256 KiB, so that adds cost the same while a group keeps a stream
-- far over its limits. It stops at the first entry that a group has not read or not finished, unless the log is lossy.
--
-- The declared groups begin before the first entry that the caller adds. The script that adds creates them, and creates them again
-- when the stream no longer exists (FLUSHALL). Otherwise a process that declares fewer groups could finish and delete the entry
-- before the others exist.
-- @include stream/due_at
-- @include now
-- @include earlier
-- @include following
-- @include stream/groups
-- @include stream/places
-- @include ids
local append = { open = nil, prepare = nil, apply = nil, wrong = nil }
local EVERY, MOST, LARGE = 64, 256, 2048

-- `limits` is a text of numbers, where 0 means none, and names: 1 for a work queue, with order by key 1 more than the places of a
-- key; unfinished entries at which the stream is full;
-- entries, bytes and milliseconds that a log keeps; 1 for a lossy log; 1 to create the declared groups in any case; the names of
-- the declared groups.
function append.open(key, limits, busy, queued)
  local queue, most, entries, bytes, age, lossy, declare, names =
    string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?(.*)')
  return {
    key = key,
    queue = queue ~= '0',
    places = queue ~= '0' and queue ~= '1' and places.open(busy, queued, nil, queue - 1) or nil,
    last = nil,
    most = tonumber(most),
    entries = tonumber(entries),
    bytes = tonumber(bytes),
    age = tonumber(age),
    lossy = lossy == '1',
    declares = declare == '1',
    names = names,
    length = nil,
    backlog = nil,
    prepared = 0,
    fresh = true,
  }
end

-- Creates the declared groups that do not exist. Returns the error when Redis refuses the first of them; it then refuses all.
local function declare(stream)
  for name in string.gmatch(stream.names, '%S+') do
    local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
    if made.err and not string.match(made.err, '^BUSYGROUP') then
      return made
    end
  end
end

-- The id before which every group has finished all entries; nil when there is no group.
local function finished(stream)
  local bound
  for _, group in ipairs(groups(stream)) do
    local first
    if group.pending > 0 then
      first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
    else
      first = following(group['last-delivered-id'])
    end
    if not bound or earlier(first, bound) then
      bound = first
    end
  end
  return bound
end

-- Entries that the slowest group has still to finish.
local function backlog_of(stream)
  if stream.queue then
    return stream.length
  end
  if not stream.backlog then
    local most = 0
    for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
      -- Redis does not know the lag after an entry was deleted by hand.
      most = math.max(most, group.lag and group.lag + group.pending or stream.length)
    end
    stream.backlog = most
  end
  return stream.backlog
end

-- Trims the stream; returns how many entries were deleted.
local function trim(stream)
  local key, age = stream.key, stream.age
  local bound = not stream.lossy and finished(key) or nil
  local over = stream.entries > 0 and stream.length - stream.entries or 0
  if stream.bytes > 0 then
    -- Not every server has it, and not every user may run it: penknife reports that it is missing.
    local bytes = redis.pcall('MEMORY', 'USAGE', key)
    if type(bytes) == 'number' and bytes > stream.bytes then
      over = math.max(over, 2 * EVERY)
    end
  end
  local oldest = age > 0 and now / 1000 - age or 0
  local most = math.min(oldest > 0 and MOST or over, MOST)
  if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
    return 0
  end
  -- The last entry of the list is never deleted: XTRIM needs an id to stop at.
  local list = ids(key, '-', '+', most + 1)
  for at, id in ipairs(list) do
    local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
    if at == #list or not wanted or (bound and not earlier(id, bound)) then
      return at > 1 and redis.call('XTRIM', key, 'MINID', '=', id) or 0
    end
  end
  return 0
end

function append.wrong(stream)
  return stream.places and places.wrong(stream.places) or nil
end

-- Reserves the next id of the stream.
local function reserve(stream)
  if not stream.last then
    local info = redis.call('XINFO', 'STREAM', stream.key)
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' then
        stream.last = info[at + 1]
      end
    end
  end
  local present = string.format('%.0f-0', math.floor(now / 1000))
  local id = earlier(stream.last, present) and present or following(stream.last)
  local done = redis.pcall('XSETID', stream.key, id)
  if done.err then
    return done
  end
  stream.last = id
  return id
end

-- Adds an entry of a key: to the stream, or to the queue of its key.
local function add_keyed(stream, key, payload, trace)
  local of = stream.places
  local place = places.free(of, key)
  if not place then
    local id = reserve(stream)
    if type(id) == 'table' then
      return id
    end
    redis.call('HINCRBY', of.busy, '', 1)
    places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil })
    return id
  end
  local id
  if trace == '' then
    id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
  else
    id = redis.pcall('XADD', stream.key, '*', 'd', payload, 't', trace, 'k', place)
  end
  if type(id) ~= 'table' then
    places.take(of, place, 'm' .. id)
  end
  return id
end

function append.prepare(stream)
  if not stream.length then
    local length = redis.pcall('XLEN', stream.key)
    if type(length) == 'table' then
      return length
    end
    if stream.places then
      local wrong = append.wrong(stream)
      if wrong then
        return wrong
      end
      length = length + redis.call('ZCARD', stream.places.queued)
    end
    stream.length = length
    stream.declares = stream.names ~= ''
      and (stream.declares or (length == 0 or stream.places) and redis.call('EXISTS', stream.key) == 0)
  end
  if stream.most > 0 then
    local most = stream.most - stream.prepared
    if stream.length >= most and backlog_of(stream) >= most then
      return false
    end
    stream.prepared = stream.prepared + 1
  end
  return true
end

function append.apply(stream, payload, trace, due)
  stream.prepared = stream.prepared - (stream.most > 0 and 1 or 0)
  local declares = stream.declares
  if declares then
    local refused = declare(stream)
    if refused then
      return refused
    end
    stream.declares = false
  end
  local id, key
  if stream.places then
    due, key = string.match(due, '^(%S*) ?(.*)$')
  end
  if key and key ~= '' and due == '' then
    id = add_keyed(stream, key, payload, trace)
  elseif trace == '' and due == '' then
    id = redis.pcall('XADD', stream.key, '*', 'd', payload)
  else
    local add = { 'XADD', stream.key, '*', 'd', payload }
    if trace ~= '' then
      add[#add + 1] = 't'
      add[#add + 1] = trace
    end
    if due ~= '' then
      add[#add + 1] = 'n'
      add[#add + 1] = string.format('%.0f', due_at(due))
    end
    if key and key ~= '' then
      add[#add + 1] = 'q'
      add[#add + 1] = key
    end
    id = redis.pcall(unpack(add))
  end
  if stream.places and type(id) == 'string' then
    stream.last = id
  end
  if type(id) == 'table' then
    if declares then
      error(id)
    end
    return id
  end
  local length = stream.length + 1
  stream.length = length
  if stream.backlog then
    stream.backlog = stream.backlog + 1
  end
  if not stream.queue then
    local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
    if length % every == 0 or (stream.fresh and stream.age > 0) then
      -- The entry was added, so an error of the trim must not fail the add.
      local ok, trimmed = pcall(trim, stream)
      stream.length = ok and length - trimmed or length
    end
  end
  stream.fresh = false
  return id
end
