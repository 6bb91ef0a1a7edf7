-- `publication`: keeps an event in its channel's history and sends it to who listens, in two phases.
--
-- A channel is a table: its keys `history` and `next`, its pub/sub channel `live`, and the numbers `keep`, `ttl`, `age` and
-- `window`. `prepare` leaves in it what it found at the history's end: `tag` and time `at` of the newest event, the `id` to
-- add, and `fixed`, whether the history's beginning was fixed before. Events that are prepared together, each once, come one after
-- another.
--
-- - `publication.prepare(channel, once)` reads: true when an event may be published, the id of the publish that was the first under
--   the key `once` (or nil), or the error that says why not.
-- - `publication.apply(channel, once, kind, json, coalesce, lasts)` keeps an event and sends it; answers its id, or the error
--   when Redis refused its first write: then it did nothing.
--
-- The user's right to publish is asked for by `redis.acl_check_cmd`, before anything is written: so the message can be sent when
-- the event is kept.
-- @include now
local publication = { prepare = nil, apply = nil }
local ms = math.floor(now / 1000)

-- By pub/sub channel, whether the user may publish there.
local may = {}

-- When an event was published, if it was with an age.
local function time_of(event)
  return event[2][7] == 'a' and tonumber(event[2][8]) or nil
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

function publication.prepare(channel, once)
  local first = once and redis.pcall('GET', once)
  if first then
    return first
  end
  local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', 1)
  if newest.err then
    return newest
  end
  local last = newest[1]
  if last then
    local id = id_after(last[1])
    if not id then
      return { err = 'ERR nothing can follow the id ' .. last[1] .. ' of ' .. channel.history .. ', which is not of an event: delete that entry' }
    end
    local fields = last[2]
    channel.id = id
    channel.tag = fields[5] == 'g' and fields[6] or ''
    channel.at = channel.age > 0 and time_of(last) or 0
    -- Somebody else began the history.
    channel.fixed = string.sub(last[1], -2) == '-0'
  else
    -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
    local epoch = redis.pcall('ZSCORE', channel.next, channel.history)
    if epoch and epoch.err then
      return epoch
    end
    channel.id, channel.tag, channel.at, channel.fixed = string.format('%.0f-1', epoch or now), '', 0, epoch
  end
  local live = channel.live
  if may[live] == nil then
    may[live] = redis.acl_check_cmd('SPUBLISH', live, '')
  end
  return may[live] or { err = 'ERR the user may not publish on the channel ' .. live }
end

function publication.apply(channel, once, kind, json, coalesce, lasts)
  local history, age = channel.history, channel.age
  -- Of what the event says and the tag before it: a tag stands for all of the history up to it. So a position in a history
  -- whose end a server lost is told from the same place in what came instead, though the same event may stand there again.
  local tag = string.sub(redis.sha1hex(channel.tag .. '\n' .. kind .. '\n' .. json), 1, 6)
  local entry = { 'XADD', history, 'MAXLEN', '~', channel.keep, channel.id, 't', kind, 'd', json, 'g', tag }
  if age > 0 then
    -- Never before the event before it, though the clock was set back: what follows a kept event is kept.
    entry[#entry + 1] = 'a'
    entry[#entry + 1] = string.format('%.0f', math.max(ms, channel.at))
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
  -- Another event that was prepared comes after this one.
  channel.tag = tag
  local name = id .. '-' .. tag
  -- Subscribers get it after the script.
  redis.call('SPUBLISH', channel.live, name .. '\n' .. kind .. '\n' .. json)
  redis.call('PEXPIRE', history, channel.ttl)
  if channel.fixed then
    redis.call('ZREM', channel.next, history)
  end
  if once then
    redis.call('SET', once, name, 'PX', channel.window)
  end
  if age > 0 then
    trim_old(history, age)
  end
  return name
end
