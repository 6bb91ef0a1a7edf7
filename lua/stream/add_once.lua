--- Append an entry, unless one was appended under the same key within the window.
--
-- Invariant: within the window, and until its entry is due, a key answers one id. As `stream/add` otherwise.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @include stream/due_at
-- @include now
-- @shared limits   of the stream, see lua/_lib/stream/append.lua
-- @item key stream stream
-- @item key once   string, the id of the entry that was appended
-- @item arg payload JSON text
-- @item arg trace  traceparent or nothing
-- @item arg due    not before: milliseconds since 1970, +milliseconds from now, or nothing
-- @item arg window milliseconds
-- @returns string|null the entry's id, after = when it was there; null when the stream is full

local streams = {}

local function item(stream, once, payload, trace, due, window)
  local id = redis.pcall('GET', once)
  if type(id) == 'table' then
    return id
  end
  if id then
    -- A write, so that a caller who waits for replicas waits for this, too.
    redis.call('SET', once, id, 'KEEPTTL')
    return '=' .. id
  end
  local log = streams[stream] or append.open(stream, limits)
  streams[stream] = log
  local may = append.prepare(log)
  if may ~= true then
    return may
  end
  id = append.apply(log, payload, trace, due)
  if type(id) == 'string' then
    local holds = math.max(window, due_at(due) - math.floor(now / 1000))
    redis.call('SET', once, id, 'PX', string.format('%.0f', holds))
  end
  return id
end
