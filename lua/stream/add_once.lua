--- Append an entry, unless one with the same dedup id was appended within the window.
--
-- Invariant: within the window, and until the entry is due, all adds with one dedup id return the id of the same entry. The
-- invariant of `stream/add` too.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @include stream/due_at
-- @include now
-- @shared keys of  the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item key added  string: the id of the entry that was added with this dedup id
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
-- @item arg window milliseconds for which the dedup id is remembered
-- @returns string|null the entry's id, with a leading = if it was added before; null when the stream is full

local stream = append.open(of, 1, limits)

local function item(added, payload, trace, due, window)
  local id = redis.pcall('GET', added)
  if type(id) == 'table' then
    return id
  end
  if id then
    -- A write, so that WAIT in a durable add also covers this reply.
    redis.call('SET', added, id, 'KEEPTTL')
    return '=' .. id
  end
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  id = append.apply(stream, payload, trace, due)
  if type(id) == 'string' then
    local ttl = math.max(window, due_at(string.match(due, '^[^%s;]*')) - math.floor(now / 1000))
    redis.call('SET', added, id, 'PX', string.format('%.0f', ttl))
  end
  return id
end
