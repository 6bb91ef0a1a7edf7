-- `append`: adds an entry to a stream within its limits, in two phases.
--
-- - `append.open(keys, from, limits)` returns a stream object; the format of `limits` is described below. From index `from` on `keys` has the
--   stream; with order by key the two keys of places.lua; and with tags that of tagging.lua.
-- - `append.prepare(stream)` only reads. It returns true when an entry may be added, false when the stream is full, or an error. It
--   counts the entries that were prepared and not added yet.
-- - `append.apply(stream, payload, trace, due)` adds the entry and trims the stream. It returns the entry's id, or the error when
--   Redis refused its first write; it then changed nothing. `due` may have behind it a semicolon and the entry's own terms
--   (entry.lua), and with order by key a space and the key. In a stream with tags `payload` may have behind it for each tag the byte 1 and
--   `name=value`.
-- - `append.wrong(stream)` returns the error when the keys of places.lua or tagging.lua have other types.
-- - `append.split(stream, payload)` returns the payload alone, and its tags. `append.retag(stream, id, tags)` gives an entry other tags.
--
-- With order by key an entry goes into the stream if its key has a free place. Otherwise it is queued, under an id that no other entry
-- of the stream gets: XSETID raises the last id. A delayed entry takes no place; it asks for one when it is due.
--
-- Trimming is considered at every 64th length of a stream, with payloads over 2 KiB more often, so that each trim removes more
-- than was added: see stream/limits.lua.
--
-- The declared groups begin before the first entry that the caller adds. The script that adds creates them, and creates them again
-- when the stream no longer exists (FLUSHALL). Otherwise a process that declares fewer groups could finish and delete the entry
-- before the others exist.
--
-- A stream object may have `count()` and `put(stream, payload, trace, due, own)`. `count` returns how many entries are elsewhere, or an error,
-- and `put` stores the entry there. It returns the id, or the error of its first write.
-- @include stream/due_at
-- @lazy stream/limits
-- @lazy stream/ordered
-- @lazy stream/tagging
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048

-- `limits` is a text of numbers, where 0 means none, and names: 1 for a work queue, with order by key 1 more than the places of a
-- key; unfinished entries at which the stream is full;
-- entries, bytes and milliseconds that a log keeps; 1 for a lossy log; 1 to create the declared groups in any case; the names of
-- the declared groups; with tags a semicolon and the limits of tagging.lua.
function append.open(keys, from, limits)
  local queue, most, entries, bytes, age, lossy, declare, names, tagged =
    string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
  local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
  local tagging = tagged ~= '' and load_tagging() or nil
  return {
    key = keys[from],
    queue = queue ~= '0',
    ordered = ordered,
    busy = keys[from + 1],
    queued = keys[from + 2],
    tagging = tagging,
    tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
    places = queue - 1,
    last = nil,
    most = tonumber(most),
    -- Whether an add changes more of this object than the first one does.
    counts = queue ~= '1' or most ~= '0',
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
    bounds = nil,
    count = nil,
    put = nil,
  }
end

local function limits_of(stream)
  stream.bounds = stream.bounds or load_limits()
  return stream.bounds
end

-- Entries that the slowest group has still to finish.
local function backlog_of(stream)
  return stream.queue and stream.length or limits_of(stream).backlog(stream)
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

function append.wrong(stream)
  return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end

function append.split(stream, payload)
  local from = stream.tagging and string.find(payload, '\1', 1, true)
  if not from then
    return payload, ''
  end
  return string.sub(payload, 1, from - 1), string.sub(payload, from)
end

function append.retag(stream, id, tags)
  if stream.tagging then
    stream.tagging.replace(stream.tags, id, tags)
  end
end

function append.prepare(stream)
  if not stream.length then
    local length = redis.pcall('XLEN', stream.key)
    if type(length) == 'table' then
      return length
    end
    if stream.ordered or stream.tagging then
      local wrong = append.wrong(stream)
      if wrong then
        return wrong
      end
      length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
    end
    if stream.count then
      local more = stream.count()
      if type(more) == 'table' then
        return more
      end
      length = length + more
    end
    stream.length = length
    stream.declares = stream.names ~= ''
      and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
  end
  if stream.counts then
    local most = stream.most - stream.prepared
    if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
      return false
    end
    stream.prepared = stream.prepared + 1
  end
  return true
end

-- Counts an entry that was added, and trims the stream.
local function added(stream, payload)
  local length = stream.length + 1
  stream.length = length
  if stream.backlog then
    stream.backlog = stream.backlog + 1
  end
  if not stream.queue then
    local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
    if length % every == 0 or (stream.fresh and stream.age > 0) then
      -- The entry was added, so an error of the trim must not fail the add.
      local ok, trimmed = pcall(limits_of(stream).trim, stream)
      stream.length = ok and length - trimmed or length
    end
  end
  stream.fresh = false
end

function append.apply(stream, payload, trace, due)
  local counts, declares = stream.counts, stream.declares
  if counts then
    stream.prepared = stream.prepared - 1
  end
  if declares then
    local refused = declare(stream)
    if refused then
      return refused
    end
    stream.declares = false
  end
  local id, key, tags
  local own = ''
  if stream.tagging then
    payload, tags = append.split(stream, payload)
  end
  if stream.ordered then
    due, key = string.match(due, '^(%S*) ?(.*)$')
  end
  if due ~= '' then
    due, own = string.match(due, '^([^;]*);?(.*)$')
  end
  if key and key ~= '' and due == '' then
    id = stream.ordered.add(stream, key, payload, trace, own)
  elseif stream.put then
    id = stream.put(stream, payload, trace, due, own)
  elseif trace == '' and due == '' and own == '' then
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
    if own ~= '' then
      add[#add + 1] = 'o'
      add[#add + 1] = own
    end
    if key and key ~= '' then
      add[#add + 1] = 'q'
      add[#add + 1] = key
    end
    id = redis.pcall(unpack(add))
  end
  if (stream.ordered or stream.put) and type(id) == 'string' then
    stream.last = id
  end
  if type(id) == 'table' then
    if declares then
      error(id)
    end
    return id
  end
  if tags and tags ~= '' then
    stream.tagging.put(stream.tags, id, tags)
  end
  if counts then
    added(stream, payload)
  end
  return id
end
