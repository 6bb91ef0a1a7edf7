--- Count the entries of a group by state. It reads less than lua/stream/stats.lua, so that tools can list many streams.
-- @batch 16
-- @readonly
-- @include now
-- @include stream/groups
-- @include stream/undelivered
-- @item keys of  the stream; of the group ready, delayed, dead letters, the key that exists while it is paused, the two of places (lua/_lib/stream/places.lua), and entries of low priority (low.lua)
-- @item arg group  group
-- @returns list    entries of the stream, waiting, 1 when that is exact, running, delayed, queued, dead, milliseconds for which it is paused (-1: without an end, -2: not), milliseconds since the oldest waiting, running or queued entry was added, workers that sent a command lately, consumers, entries added to the stream since it exists (-1: not known); then the names of all groups of the stream

-- A worker sends a command every ten seconds.
local ALIVE_MS = 30000

local function item(of, group)
  local stream, ready, delayed, dead, paused, busy, queued, lows = unpack(of)
  local length = redis.call('XLEN', stream)
  local all = (length > 0 or redis.call('EXISTS', stream) == 1) and groups(stream) or {}
  local here, oldest
  for _, each in ipairs(all) do
    if each.name == group then
      here = each
    end
  end
  local function consider(id)
    local ms = id and tonumber(string.match(id, '%d+'))
    if ms and (not oldest or ms < oldest) then
      oldest = ms
    end
  end

  local waiting, exact, next_up = 0, 1, nil
  if here and here.lag then
    -- The common case, with fewer commands than `undelivered` needs.
    waiting = math.min(here.lag, length)
    local first = waiting > 0 and redis.call('XRANGE', stream, '(' .. here['last-delivered-id'], '+', 'COUNT', 1)[1]
    next_up = first and first[1]
  elseif length > 0 then
    waiting, exact, next_up = undelivered(stream, here and here['last-delivered-id'] or '0-0', nil)
  end
  consider(next_up)
  -- XINFO STREAM knows it too, but returns the first and the last entry with their payloads.
  local read = here and (here['entries-read'] or here['last-delivered-id'] == '0-0' and 0)
  local added = not here and length or here.lag and read and here.lag + read or -1
  local running, alive, consumers = 0, {}, {}
  local function workers_of(key)
    for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
      local consumer = {}
      for at = 1, #fields, 2 do
        consumer[fields[at]] = fields[at + 1]
      end
      consumers[consumer.name] = true
      alive[consumer.name] = consumer.idle < ALIVE_MS or alive[consumer.name] or nil
    end
  end
  if here then
    running = here.pending
    if here.consumers > 0 then
      workers_of(stream)
    end
    if running > 0 then
      consider(redis.call('XPENDING', stream, group, '-', '+', 1)[1][1])
    end
  end
  -- Most groups have none of them: one command instead of seven.
  local more = redis.call('EXISTS', ready, dead, paused, busy, queued, lows) > 0
  local again = more and redis.call('XLEN', ready) or 0
  -- With order by key most entries come from there: the workers' last command may be known only there.
  if again > 0 or (more and not next(alive) and redis.call('EXISTS', ready) == 1) then
    for _, each in ipairs(groups(ready)) do
      if each.name == group then
        running = running + each.pending
        again = math.max(0, again - each.pending)
        workers_of(ready)
      end
    end
    local first = redis.call('XRANGE', ready, '-', '+', 'COUNT', 1)[1]
    for at = 1, first and #first[2] or 0, 2 do
      if first[2][at] == 'i' then
        consider(first[2][at + 1])
      elseif first[2][at] == 'm' then
        consider(string.match(first[2][at + 1], '%z%u(%d+)'))
      end
    end
  end
  local queued_count = more and redis.call('ZCARD', queued) or 0
  if queued_count > 0 then
    -- The first of one key: the others may be older.
    consider(string.match(redis.call('ZRANGE', queued, 0, 0)[1], '%z%u(%d+)'))
  end
  local function size(names)
    local count = 0
    for _ in pairs(names) do
      count = count + 1
    end
    return count
  end

  local reply = {
    length,
    waiting + again + (more and redis.call('ZCARD', lows) or 0),
    exact,
    running,
    redis.call('ZCARD', delayed),
    queued_count + (more and tonumber(redis.call('HGET', busy, '\1') or nil) or 0),
    more and redis.call('XLEN', dead) or 0,
    more and redis.call('PTTL', paused) or -2,
    oldest and math.max(0, math.floor(now / 1000) - oldest) or 0,
    size(alive),
    size(consumers),
    added,
  }
  for _, each in ipairs(all) do
    reply[#reply + 1] = each.name
  end
  return reply
end
