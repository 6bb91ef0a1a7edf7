-- `publication`: adds an event to its channel's history and sends it to subscribers, in two phases.
--
-- A channel is a table: its keys `history` and `next`, its pub/sub channel `live`, and the numbers `keep`, `ttl`, `age` and
-- `window`. `prepare` stores in it the end of the history: `tag` and time `at` of the newest event, the `id` to add, and
-- `reserved`, whether the set `next` has the history's epoch. Several events may be prepared together; they are added in the
-- order of their `apply`.
--
-- - `publication.prepare(channel, once)` reads. Returns true when an event may be published, the event id that the key `once`
--   (or nil) remembers, or an error.
-- - `publication.apply(channel, once, kind, json, coalesce, lasts)` adds an event and sends it. Returns its id, or the error
--   when Redis refused the first write: then nothing has changed.
--
-- `redis.acl_check_cmd` checks the user's right to publish before the first write, so that an event that is stored can be
-- sent.
-- @include now
local publication = { prepare = nil, apply = nil }
local ms = math.floor(now / 1000)

-- By pub/sub channel: whether the user may publish there.
local allowed = {}

-- When an event was published; nil if the notifier had no `age`.
local function time_of(event)
  return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end

-- Deletes at most two events that are too old. Each publish adds only one, so that is enough.
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

-- The id to add after an id of the stream; nil when no event of penknife can follow. Positions have epochs below 2^53 and
-- offsets of at most 15 digits.
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

-- Adds an entry with the channel's next id. If the last event was deleted, or another program added it, Redis refuses the id. Then the
-- entry follows the last id that the stream generated.
local function add(channel, ...)
  local history, keep = channel.history, channel.keep
  local id = redis.pcall('XADD', history, 'MAXLEN', '~', keep, channel.id, ...)
  if not id.err or not string.find(id.err, 'equal or smaller', 1, true) then
    return id
  end
  local next_id = id_after(last_generated(history))
  return next_id and redis.pcall('XADD', history, 'MAXLEN', '~', keep, next_id, ...) or id
end

function publication.prepare(channel, once)
  local first = once and redis.pcall('GET', once)
  if first then
    return first
  end
  local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', '1')
  if newest.err then
    return newest
  end
  local last = newest[1]
  if last then
    local id = id_after(last[1])
    if not id then
      return { err = 'ERR nothing can follow the id ' .. last[1] .. ' of ' .. channel.history .. ', which penknife did not write: delete that entry' }
    end
    local fields = last[2]
    channel.id = id
    channel.tag = fields[5] == 'g' and fields[6] or ''
    channel.at = channel.age > 0 and time_of(last) or 0
    -- Another program began the history.
    channel.reserved = string.sub(last[1], -2) == '-0'
  else
    channel.tag, channel.at, channel.reserved = '', 0, true
  end
  if channel.reserved then
    local epoch = redis.pcall('ZSCORE', channel.next, channel.history)
    if epoch and epoch.err then
      return epoch
    end
    channel.reserved = epoch
    if not last then
      -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
      channel.id = string.format('%.0f-1', epoch or now)
    end
  end
  local live = channel.live
  if allowed[live] == nil then
    allowed[live] = redis.acl_check_cmd('SPUBLISH', live, '')
  end
  return allowed[live] or { err = 'ERR the user may not publish on the channel ' .. live }
end

function publication.apply(channel, once, kind, json, coalesce, lasts)
  local history, age = channel.history, channel.age
  -- A hash of the event and the tag before it: so a tag identifies the whole history up to it. If a server lost the end of a
  -- history, a position there differs from the one that replaced it, even if the same event was added again.
  local tag = string.sub(redis.sha1hex(channel.tag .. '\n' .. kind .. '\n' .. json), 1, 6)
  local id
  if age == 0 and coalesce == '' and lasts == '0' then
    id = add(channel, 't', kind, 'd', json, 'g', tag)
  else
    local fields = { 't', kind, 'd', json, 'g', tag }
    if age > 0 then
      -- Never earlier than the event before it, also when the clock was set back: so every event after a kept one is kept.
      fields[#fields + 1] = 'a'
      fields[#fields + 1] = string.format('%.0f', math.max(ms, channel.at))
    end
    if coalesce ~= '' then
      fields[#fields + 1] = 'c'
      fields[#fields + 1] = coalesce
    end
    if lasts ~= '0' then
      fields[#fields + 1] = 'x'
      fields[#fields + 1] = string.format('%.0f', ms + lasts)
    end
    id = add(channel, unpack(fields))
  end
  if id.err then
    return id
  end
  -- The next prepared event follows this one.
  channel.tag = tag
  local event_id = id .. '-' .. tag
  -- Redis delivers it after the script.
  redis.call('SPUBLISH', channel.live, event_id .. '\n' .. kind .. '\n' .. json)
  redis.call('PEXPIRE', history, channel.ttl)
  if channel.reserved then
    redis.call('ZREM', channel.next, history)
  end
  if once then
    redis.call('SET', once, event_id, 'PX', channel.window)
  end
  if age > 0 then
    trim_old(history, age)
  end
  return event_id
end
