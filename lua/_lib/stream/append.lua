-- `append(…)`: adds an entry to a stream within its limits and trims what may go; answers its id, false when the
-- stream is full, or the error when Redis refused the entry: then nothing was done.
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
-- @include stream/groups
-- @include ids
local EVERY, MOST, EVERY_BYTES = 64, 256, 131072
local lengths, backlogs = {}, {}

-- From the text that holds for a batch: queue 1 or 0, then numbers, 0 for none: unfinished entries at which the stream
-- is full; entries, bytes and milliseconds that a log keeps; 1 when it is lossy; 1 to make the declared groups in any case;
-- their names.
local function parsed(text)
  local queue, backlog, entries, bytes, age, lossy, declare, names =
    string.match(text, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?(.*)')
  return {
    queue = queue == '1',
    backlog = tonumber(backlog),
    entries = tonumber(entries),
    bytes = tonumber(bytes),
    age = tonumber(age),
    lossy = lossy == '1',
    declare = declare == '1',
    names = names,
  }
end

local limits

-- Makes the declared groups that are not there; the error when Redis refuses the first of them, and so all.
local function declare(stream)
  for name in string.gmatch(limits.names, '%S+') do
    local made = redis.pcall('XGROUP', 'CREATE', stream, name, '0', 'MKSTREAM')
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
      local time, number = string.match(group['last-delivered-id'], '(%d+)-(%d+)')
      mine = time .. '-' .. string.format('%.0f', number + 1)
    end
    if not bound or earlier(mine, bound) then
      bound = mine
    end
  end
  return bound
end

-- Entries that the slowest group has still to finish.
local function backlog_of(stream, length)
  if limits.queue then
    return length
  end
  if not backlogs[stream] then
    local most = 0
    for _, group in ipairs(length > 0 and groups(stream) or {}) do
      -- Redis does not know the lag after an entry was deleted by hand.
      most = math.max(most, group.lag and group.lag + group.pending or length)
    end
    backlogs[stream] = most
  end
  return backlogs[stream]
end

-- Entries that went.
local function trim(stream, length)
  local bound = not limits.lossy and finished(stream) or nil
  local over = limits.entries > 0 and length - limits.entries or 0
  if limits.bytes > 0 and redis.call('MEMORY', 'USAGE', stream) > limits.bytes then
    over = math.max(over, 2 * EVERY)
  end
  local oldest = limits.age > 0 and now / 1000 - limits.age or 0
  local most = math.min(oldest > 0 and MOST or over, MOST)
  if most <= 0 or (bound and not earlier(redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1], bound)) then
    return 0
  end
  -- The last one that was read stays.
  local list = ids(stream, '-', '+', most + 1)
  for at, id in ipairs(list) do
    local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
    if at == #list or not wanted or (bound and not earlier(id, bound)) then
      return at > 1 and redis.call('XTRIM', stream, 'MINID', '=', id) or 0
    end
  end
  return 0
end

local function due_every(payload)
  return math.min(EVERY, math.max(1, math.floor(EVERY_BYTES / #payload)))
end

local function append(stream, payload, trace, due, limits_text)
  limits = limits or parsed(limits_text)
  local length = lengths[stream]
  local first = not length
  if first then
    length = redis.pcall('XLEN', stream)
    if type(length) == 'table' then
      return length
    end
  end
  if limits.backlog > 0 and length >= limits.backlog and backlog_of(stream, length) >= limits.backlog then
    return false
  end
  local declares = first and limits.names ~= '' and (limits.declare or length == 0 and redis.call('EXISTS', stream) == 0)
  local refused = declares and declare(stream)
  if refused then
    return refused
  end
  local id
  if trace == '' and due == '' then
    id = redis.pcall('XADD', stream, '*', 'd', payload)
  else
    local add = { 'XADD', stream, '*', 'd', payload }
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
  length = length + 1
  if backlogs[stream] then
    backlogs[stream] = backlogs[stream] + 1
  end
  if not limits.queue and (length % due_every(payload) == 0 or (first and limits.age > 0)) then
    -- The entry is there: what keeps the trim from running must not make its add fail.
    local ok, gone = pcall(trim, stream, length)
    length = ok and length - gone or length
  end
  lengths[stream] = length
  return id
end
