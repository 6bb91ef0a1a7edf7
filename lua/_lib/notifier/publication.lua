-- `publication`: keeps an event in its channel's history and sends it to who listens, in two phases.
--
-- - `publication.open(channel)` is the channel: `history`, `next` and its pub/sub channel `live`, and the numbers `keep`, `ttl`,
--   `age` and `window`. It is opened once in a call, by its history.
-- - `publication.prepare(channel, once)` reads: true when an event may be published, the id of the publish that was the first under
--   the key `once` (or nil), or the error that says why not.
-- - `publication.apply(channel, once, kind, json, coalesce, lasts)` keeps an event and sends it; answers its id, or the error when
--   Redis refused its first write: then it did nothing.
--
-- The user's right to publish is asked for by `redis.acl_check_cmd`, before anything is written: so the message can be sent when
-- the event is kept.
-- @include now
local publication = {}
local ms = math.floor(now / 1000)

-- The channels of this call, by history.
local channels = {}

function publication.open(history, next, live, limits)
  local channel = channels[history]
  if not channel then
    channel = { history = history, next = next, live = live, limits = limits }
    channels[history] = channel
  end
  return channel
end

-- By pub/sub channel, whether the user may publish there.
local may = {}

local function may_publish(live)
  if may[live] == nil then
    may[live] = redis.acl_check_cmd('SPUBLISH', live, '')
  end
  return may[live]
end

-- When an event was published, if it was with an age.
local function time_of(event)
  return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end

-- What an event says and the tag before it: a tag stands for all of the history up to it. So a position in a history
-- whose end a server lost is told from the same place in what came instead, though the same event may stand there again.
local function tag_after(before, kind, json)
  return string.sub(redis.sha1hex(before .. '\n' .. kind .. '\n' .. json), 1, 6)
end

-- At most two, so that it costs little; one comes with each publish.
local function trim_old(history, age)
  local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 3)
  local cut
  for at = 1, #first - 1 do
    local at_ms = time_of(first[at])
    if at_ms and at_ms >= ms - age then
      break
    end
    cut = first[at + 1][1]
  end
  if cut then
    redis.call('XTRIM', history, 'MINID', '=', cut)
  end
end

-- The id to add after an id of the stream; nothing after one that no event of ours can follow. Positions have epochs below
-- 2^53 and offsets of 15 digits at the most.
local function id_after(id)
  local epoch, offset = string.match(id, '(%d+)-(%d+)')
  if tonumber(epoch) >= 9e15 then
    return nil
  end
  if #offset < 15 then
    return epoch .. '-*'
  end
  return string.format('%.0f-1', math.max(now, epoch + 1))
end

local function last_generated(history)
  local info = redis.call('XINFO', 'STREAM', history)
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then
      return info[at + 1]
    end
  end
end

-- Adds the entry at the place of its id. The last event may have been deleted, or have been somebody else's: then Redis refuses
-- the id, and it comes after the last one that there was.
local function add(history, entry)
  local id = redis.pcall(unpack(entry))
  if not id.err or not string.find(id.err, 'equal or smaller', 1, true) then
    return id
  end
  entry[6] = id_after(last_generated(history))
  return entry[6] and redis.pcall(unpack(entry)) or id
end

-- Reads the end of the history: the tag and the time of its newest event, and the id to add. The error when it cannot be
-- read, or when nothing can follow.
local function read(channel)
  if channel.last then
    channel.id = id_after(channel.last)
    return
  end
  local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', 1)
  if newest.err then
    return newest
  end
  local last, fixed = newest[1], nil
  if last then
    channel.id = id_after(last[1])
    if not channel.id then
      return { err = 'ERR nothing can follow the id ' .. last[1] .. ', which is not of an event: delete that entry' }
    end
    -- Somebody else began the history.
    fixed = string.sub(last[1], -2) == '-0'
  else
    -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
    fixed = redis.pcall('ZSCORE', channel.next, channel.history)
    if fixed and fixed.err then
      return fixed
    end
    channel.id = string.format('%.0f-1', fixed or now)
  end
  channel.fixed = fixed
  channel.tag = last and last[2][5] == 'g' and last[2][6] or ''
  channel.at = last and time_of(last) or 0
end

function publication.prepare(channel, once)
  local first = once and redis.pcall('GET', once)
  if first then
    return first
  end
  local wrong = not channel.id and read(channel)
  if wrong then
    return wrong
  end
  if not may_publish(channel.live) then
    return { err = 'NOPERM No permissions to access a channel: SPUBLISH ' .. channel.live }
  end
  return true
end

function publication.apply(channel, once, kind, json, coalesce, lasts)
  local history, limits, at = channel.history, channel.limits, nil
  local age = limits.age
  local tag = tag_after(channel.tag, kind, json)
  local entry = { 'XADD', history, 'MAXLEN', '~', limits.keep, channel.id, 't', kind, 'd', json, 'g', tag }
  -- Read again should this fail.
  channel.id, channel.last = nil, nil
  if age > 0 then
    -- Never before the event before it, though the clock was set back: what follows a kept event is kept.
    at = math.max(ms, channel.at)
    entry[#entry + 1] = 'a'
    entry[#entry + 1] = string.format('%.0f', at)
  end
  if coalesce ~= '' then
    entry[#entry + 1] = 'c'
    entry[#entry + 1] = coalesce
  end
  if lasts ~= '0' then
    entry[#entry + 1] = 'x'
    entry[#entry + 1] = string.format('%.0f', ms + lasts)
  end
  local id = add(history, entry)
  if id.err then
    return id
  end
  local name = id .. '-' .. tag
  -- Subscribers get it after the script.
  redis.call('SPUBLISH', channel.live, name .. '\n' .. kind .. '\n' .. json)
  redis.call('PEXPIRE', history, limits.ttl)
  if channel.fixed then
    redis.call('ZREM', channel.next, history)
  end
  if once then
    redis.call('SET', once, name, 'PX', limits.window)
  end
  if age > 0 then
    trim_old(history, age)
  end
  channel.last, channel.fixed = id, nil
  channel.tag, channel.at = tag, at or 0
  return name
end
