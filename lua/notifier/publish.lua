--- Keep an event in its channel's history and send it to who listens: both or neither.
--
-- The history is a stream whose ids are <epoch>-<offset>: the epoch is the time at which the history began, the
-- offset counts its events without a gap.
-- @batch 64
-- @include now
-- @shared keep       events to keep
-- @shared ttl        milliseconds that the history outlives its last event
-- @item key history  stream
-- @item arg live     pub/sub channel of the same slot; no key, since a key that never exists cannot be moved with a slot
-- @item arg type     the event's type
-- @item arg json     the event's data
-- @returns string    the event's id

local function item(history, live, type, json)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local id
  if last then
    local epoch, offset = string.match(last[1], '(%d+)-(%d+)')
    id = epoch .. '-' .. string.format('%.0f', offset + 1)
  else
    -- Offsets count from 1, so that <epoch>-0 is the position before the first event.
    id = string.format('%.0f-1', math.floor(now / 1000))
  end
  -- Sent first: when the user may not publish there, nothing was written. Subscribers get it after the script.
  redis.call('SPUBLISH', live, id .. '\n' .. type .. '\n' .. json)
  redis.call('XADD', history, 'MAXLEN', '~', keep, id, 't', type, 'd', json)
  redis.call('PEXPIRE', history, ttl)
  return id
end
