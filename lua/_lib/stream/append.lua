-- `append`: adds an entry to a stream within its limits, in two phases.
--
-- - `append.open(key, limits)` is the stream; `limits` is text, as it says below.
-- - `append.prepare(stream)` reads: true when an entry may be added, false when the stream is full, or the error that says
--   why not. It counts the entries that were prepared and not added yet.
-- - `append.apply(stream, payload, trace, due)` adds one and trims what may go; answers its id, or the error when Redis
--   refused its first write: then it did nothing.
--
-- Trimming is looked at with every 64th length of a stream, of payloads over 2 KiB sooner, so that each time more goes than
-- came. It takes at most 256 entries or some 256 KiB, so that adds cost the same
-- while a group holds up a stream far over its limits. It stops at the first entry that some group was not given or did
-- not finish, unless the log is lossy.
--
-- The groups that the caller declares begin before the first entry that it adds: they are made by the same script, again
-- when the stream is gone (FLUSHALL). Else another process that declares fewer of them could finish and delete the
-- entry before the others are there.
-- @include stream/due_at
-- @include now
-- @include earlier
-- @include following
-- @include stream/groups
-- @include ids
local append = { open = nil, prepare = nil, apply = nil }
local EVERY, MOST, LARGE = 64, 256, 2048

-- The text that holds for a batch: queue 1 or 0, then numbers, 0 for none: unfinished entries at which the stream is full;
-- entries, bytes and milliseconds that a log keeps; 1 when it is lossy; 1 to make the declared groups in any case; their
-- names.
function append.open(key, limits)
  local queue, most, entries, bytes, age, lossy, declare, names =
    string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?(.*)')
  return {
    key = key,
    queue = queue == '1',
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

-- Makes the declared groups that are not there; the error when Redis refuses the first of them, and so all.
local function declare(stream)
  for name in string.gmatch(stream.names, '%S+') do
    local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
    if made.err and not string.match(made.err, '^BUSYGROUP') then
      return made
    end
  end
end

-- The id before which every group has finished; nil when there is no group.
local function finished(stream)
  local bound
  for _, group in ipairs(groups(stream)) do
    local mine
    if group.pending > 0 then
      mine = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
    else
      mine = following(group['last-delivered-id'])
    end
    if not bound or earlier(mine, bound) then
      bound = mine
    end
  end
  return bound
end

-- Entries that the slowest group has still to finish, when the stream is so long.
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

-- Entries that went.
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
  -- The last one that was read stays.
  local list = ids(key, '-', '+', most + 1)
  for at, id in ipairs(list) do
    local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
    if at == #list or not wanted or (bound and not earlier(id, bound)) then
      return at > 1 and redis.call('XTRIM', key, 'MINID', '=', id) or 0
    end
  end
  return 0
end

function append.prepare(stream)
  if not stream.length then
    local length = redis.pcall('XLEN', stream.key)
    if type(length) == 'table' then
      return length
    end
    stream.length = length
    stream.declares = stream.names ~= ''
      and (stream.declares or length == 0 and redis.call('EXISTS', stream.key) == 0)
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
  local id
  if trace == '' and due == '' then
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
    id = redis.pcall(unpack(add))
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
      -- The entry is there: what keeps the trim from running must not make its add fail.
      local ok, gone = pcall(trim, stream)
      stream.length = ok and length - gone or length
    end
  end
  stream.fresh = false
  return id
end
