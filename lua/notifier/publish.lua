--- Keep an event in its channel's history and send it to who listens: both or neither.
--
-- The history is a stream whose ids are <epoch>-<offset>: the epoch is the time at which the history began, the
-- offset counts its events without a gap. The newest event is never trimmed, so that the count goes on.
-- @batch 64
-- @full refused      it adds an event
-- @full runs as revoke  who lost a right must lose it now; its history has a bound
-- @include now
-- @shared keep       events to keep
-- @shared ttl        milliseconds that the history outlives its last event
-- @shared age        milliseconds that an event is kept; 0 for no such bound
-- @shared window     milliseconds in which a publish with the same id is the same publish
-- @item key history  stream
-- @item key once     string, the id that the first publish of this id got; the history itself for an event without an id
-- @item arg live     pub/sub channel of the same slot; no key, since a key that never exists cannot be moved with a slot
-- @item arg type     the event's type
-- @item arg json     the event's data
-- @item arg coalesce what the event supersedes the earlier ones of; empty for nothing
-- @item arg lasts    milliseconds after which the event is not worth reading any more; 0 for as long as it is kept
-- @returns string    the event's id

local ms = math.floor(now / 1000)
age = tonumber(age)

-- When an event was published, if it was with an age.
local function time_of(event)
  return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end

-- What an event says and the tag before it: a tag stands for all of the history up to it. So a position in a history
-- whose end a server lost is told from the same place in what came instead, though the same event may stand there again.
local function tag_after(last, type, json)
  return string.sub(redis.sha1hex((last and last[2][6] or '') .. '\n' .. type .. '\n' .. json), 1, 6)
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

local function item(history, once, live, type, json, coalesce, lasts)
  if once ~= history then
    local first = redis.call('GET', once)
    if first then
      return first
    end
  end
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local id
  if last then
    local epoch, offset = string.match(last[1], '(%d+)-(%d+)')
    id = epoch .. '-' .. string.format('%.0f', offset + 1)
  else
    -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
    id = string.format('%.0f-1', ms)
  end
  local tag = tag_after(last, type, json)
  local name = id .. '-' .. tag
  -- Sent first: when the user may not publish there, nothing was written. Subscribers get it after the script.
  local sent = redis.pcall('SPUBLISH', live, name .. '\n' .. type .. '\n' .. json)
  if not tonumber(sent) then
    -- Returned, not raised: so the client knows that nothing was done.
    return sent
  end
  local entry = { 'XADD', history, 'MAXLEN', '~', keep, id, 't', type, 'd', json, 'g', tag }
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
  redis.call(unpack(entry))
  redis.call('PEXPIRE', history, ttl)
  if once ~= history then
    redis.call('SET', once, name, 'PX', window)
  end
  if age > 0 then
    trim_old(history)
  end
  return name
end
