--- Count the entries of a group by state, and list its consumers.
--
-- Reads entries only when Redis does not know the lag, and then at most about 1,000 (`undelivered`).
-- @batch 1
-- @readonly
-- @include now
-- @include stream/groups
-- @include stream/undelivered
-- @item keys of  the stream; of the group ready, delayed, dead letters, the key that exists while it is paused, the two of places (lua/_lib/stream/places.lua), and entries of low priority (low.lua)
-- @item arg group  group
-- @returns list    1 when the group exists, entries ever added, undelivered, 1 when that is exact, ready or of low priority, pending, delayed, dead, paused, milliseconds since the oldest unfinished entry was added, queued; then name, pending and idle milliseconds of each consumer

local function find(stream, group)
  for _, found in ipairs(redis.call('EXISTS', stream) == 1 and groups(stream) or {}) do
    if found.name == group then
      return found
    end
  end
end

local function item(of, group)
  local stream, ready, delayed, dead, paused, busy, queued, lows = unpack(of)
  local here, again = find(stream, group), find(ready, group)
  local oldest
  local function consider(id)
    local ms = id and tonumber(string.match(id, '%d+'))
    if ms and (not oldest or ms < oldest) then
      oldest = ms
    end
  end

  -- A group that does not exist yet has not read any entry.
  local waiting, exact, next_up = undelivered(stream, here and here['last-delivered-id'] or '0-0', here and here.lag)
  consider(next_up)
  local pending, waiting_again = 0, redis.call('XLEN', ready)
  if here and here.pending > 0 then
    pending = here.pending
    consider(redis.call('XPENDING', stream, group, '-', '+', 1)[1][1])
  end
  if again then
    pending = pending + again.pending
    waiting_again = math.max(0, waiting_again - again.pending)
  end
  local first = redis.call('XRANGE', ready, '-', '+', 'COUNT', 1)[1]
  for at = 1, first and #first[2] or 0, 2 do
    if first[2][at] == 'i' then
      consider(first[2][at + 1])
    elseif first[2][at] == 'm' then
      consider(string.match(first[2][at + 1], '%z%u(%d+)'))
    end
  end

  local queued_count = redis.call('ZCARD', queued)
  if queued_count > 0 then
    -- The first of one key: the others may be older.
    consider(string.match(redis.call('ZRANGE', queued, 0, 0)[1], '%z%u(%d+)'))
  end

  local info = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'STREAM', stream) or {}
  local added = 0
  for at = 1, #info, 2 do
    if info[at] == 'entries-added' then
      added = info[at + 1]
    end
  end
  local reply = {
    here and 1 or 0,
    -- Entries that were queued or have a priority were never added to the stream itself.
    added + (tonumber(redis.call('HGET', busy, '') or nil) or 0),
    waiting,
    exact,
    waiting_again + redis.call('ZCARD', lows),
    pending,
    redis.call('ZCARD', delayed),
    redis.call('XLEN', dead),
    redis.call('EXISTS', paused),
    oldest and math.max(0, math.floor(now / 1000) - oldest) or 0,
    queued_count + (tonumber(redis.call('HGET', busy, '\1') or nil) or 0),
  }
  for key, there in pairs({ [stream] = here, [ready] = again }) do
    for _, fields in ipairs(there and redis.call('XINFO', 'CONSUMERS', key, group) or {}) do
      local consumer = {}
      for at = 1, #fields, 2 do
        consumer[fields[at]] = fields[at + 1]
      end
      reply[#reply + 1] = { consumer.name, consumer.pending, consumer.idle }
    end
  end
  return reply
end
