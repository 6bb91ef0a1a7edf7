--- Append a delayed entry to a work queue with one group, or replace the payload, terms and time of the one that was added with the same
-- dedup id, if that still waits for its time.
--
-- Invariant: of the adds with one dedup id at most one entry waits for its time here, and it has what the last of them gave. It is in one place
-- of the group: `delayed`. The value of the key `latest` is its member there; one that is there no more has become due, or was cancelled.
-- @batch 64
-- @full refused      it adds an entry
-- @include now
-- @include stream/append
-- @include stream/entry
-- @include stream/due_at
-- @include stream/reserve
-- @include typed
-- @shared keys of  the stream, and the group's sorted set of delayed entries; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @shared workers  pub/sub channel that the group's workers follow
-- @item key latest string: the member of the entry that was added last with this dedup id
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    time to handle it: milliseconds since 1970, or +milliseconds from now; then a semicolon and its own terms (entry.lua), if any
-- @returns string|null the entry's id, with a leading = if it was replaced; null when the stream is full

local stream = append.open({ of[1], of[3] }, 1, limits)
-- The key of this item, and the id that its entry keeps.
local latest_key, known_id

function stream.count()
  return redis.pcall('ZCARD', of[2])
end

function stream.put(into, payload, trace, due, own)
  local id = known_id or reserve(into)
  if type(id) == 'table' then
    return id
  end
  local delivery = { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil }
  local time = due_at(due)
  local member = entry.put_delayed(of[2], delivery, time)
  local lasts = math.max(1000, time - math.floor(now / 1000))
  redis.call('SET', latest_key, member, 'PX', string.format('%.0f', lasts))
  redis.pcall('SPUBLISH', workers, '')
  return id
end

local function item(latest, payload, trace, due)
  local wrong = typed(latest, 'string') or typed(of[2], 'zset') or typed(of[1], 'stream') or append.wrong(stream)
  if wrong then
    return wrong
  end
  latest_key, known_id = latest, nil
  local member = redis.call('GET', latest)
  local waits = member and redis.call('ZSCORE', of[2], member) and entry.unpacked(member)
  if waits then
    known_id = waits.i
    redis.call('ZREM', of[2], member)
    local time, own = string.match(due, '^([^;]*);?(.*)$')
    local text, tags = append.split(stream, payload)
    local id = stream.put(stream, text, trace, time, own)
    append.retag(stream, id, tags)
    return '=' .. id
  end
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  return append.apply(stream, payload, trace, due)
end
