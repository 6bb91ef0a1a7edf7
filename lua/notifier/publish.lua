--- Keep an event in its channel's history and send it to who listens: both or neither.
--
-- The history is a stream whose ids are <epoch>-<offset>: the epoch is the time at which the history began, or was fixed to
-- begin (end.lua); the offset counts its events. The newest event is never trimmed, so that the count goes on. It goes on
-- from the last id that the stream generated, also when somebody deleted that event.
--
-- Invariant: nothing is sent that is not kept, and no id names two events. Redis refuses an XADD before it does anything of
-- it, and the user's right to SPUBLISH is asked for before: nothing can fail after the first write.
-- @batch 64
-- @full refused      it adds an event
-- @full runs as revoke  who lost a right must lose it now; its history has a bound
-- @include now
-- @shared keys next  sorted set: of channels without a history, the key of the history and its epoch to be
-- @shared keep       events to keep
-- @shared ttl        milliseconds that the history outlives its last event
-- @shared age        milliseconds that an event is kept; 0 for no such bound
-- @shared window     milliseconds in which a publish with the same id is the same publish
-- @item key history  stream
-- @item key once     string, the id that the first publish of this id got; the history itself for an event without an id
-- @item arg live     pub/sub channel of the same slot; no key, since a key that never exists cannot be moved with a slot
-- @item arg kind     the event's type
-- @item arg json     the event's data
-- @item arg coalesce what the event supersedes the earlier ones of; empty for nothing
-- @item arg lasts    milliseconds after which the event is not worth reading any more; 0 for as long as it is kept
-- @returns string    the event's id

local ms = math.floor(now / 1000)
age = tonumber(age)

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
local function tag_after(last, kind, json)
  local before = last and last[2][5] == 'g' and last[2][6] or ''
  return string.sub(redis.sha1hex(before .. '\n' .. kind .. '\n' .. json), 1, 6)
end

-- At most two, so that it costs little; one comes with each publish.
local function trim_old(history)
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

local function item(history, once, live, kind, json, coalesce, lasts)
  if once ~= history then
    local first = redis.pcall('GET', once)
    if first then
      return first
    end
  end
  local newest = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
  if newest.err then
    return newest
  end
  local last = newest[1]
  local id, fixed
  if last then
    id = id_after(last[1])
    if not id then
      return { err = 'ERR nothing can follow the id ' .. last[1] .. ', which is not of an event: delete that entry' }
    end
    -- Somebody else began the history.
    fixed = string.sub(last[1], -2) == '-0'
  else
    -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
    fixed = redis.pcall('ZSCORE', next[1], history)
    if fixed and fixed.err then
      return fixed
    end
    id = string.format('%.0f-1', fixed or now)
  end
  if not may_publish(live) then
    -- Refused; the reply says why.
    return redis.pcall('SPUBLISH', live, '')
  end
  local tag = tag_after(last, kind, json)
  local entry = { 'XADD', history, 'MAXLEN', '~', keep, id, 't', kind, 'd', json, 'g', tag }
  if age > 0 then
    -- Never before the event before it, though the clock was set back: what follows a kept event is kept.
    local before = last and time_of(last) or 0
    entry[#entry + 1] = 'a'
    entry[#entry + 1] = string.format('%.0f', math.max(ms, before))
  end
  if coalesce ~= '' then
    entry[#entry + 1] = 'c'
    entry[#entry + 1] = coalesce
  end
  if lasts ~= '0' then
    entry[#entry + 1] = 'x'
    entry[#entry + 1] = string.format('%.0f', ms + lasts)
  end
  id = add(history, entry)
  if id.err then
    return id
  end
  local name = id .. '-' .. tag
  -- Subscribers get it after the script.
  redis.call('SPUBLISH', live, name .. '\n' .. kind .. '\n' .. json)
  redis.call('PEXPIRE', history, ttl)
  if fixed then
    redis.call('ZREM', next[1], history)
  end
  if once ~= history then
    redis.call('SET', once, name, 'PX', window)
  end
  if age > 0 then
    trim_old(history)
  end
  return name
end
