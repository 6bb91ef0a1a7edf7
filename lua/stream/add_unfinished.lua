--- Append an entry to a work queue with one group, unless one with the same dedup id is unfinished.
--
-- Invariant: of the adds with one dedup id at most one entry is unfinished: waiting, queued, delayed, running or retrying. The entry has the
-- id among its own terms, and the script that ends it frees the id (outcomes.lua): when it is done, a dead letter, cancelled or cleared. If
-- the entry was deleted by hand, the id is free after `bound`. The invariant of `stream/add` too.
-- If a process dies before a script, nothing changed; after it, the entry and its id are both there, or both gone.
-- @batch 64
-- @full refused      it adds an entry
-- @include now
-- @include stream/append
-- @include stream/due_at
-- @include typed
-- @shared keys of  the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item key results hash of lua/_lib/stream/outcomes.lua
-- @item key ends   its sorted set
-- @item arg id     u and the digits of the dedup id, which are among the entry's own terms
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
-- @item arg bound  milliseconds after which the id is free in any case, counted from the time to handle it
-- @returns string|null the entry's id, with a leading = if it was added before; null when the stream is full

local stream = append.open(of, 1, limits)

local function item(results, ends, id, payload, trace, due, bound)
  local wrong = typed(results, 'hash') or typed(ends, 'zset')
  if wrong then
    return wrong
  end
  local ms = math.floor(now / 1000)
  local known = redis.call('HGET', results, id)
  if known and tonumber(redis.call('ZSCORE', ends, id) or '0') > ms then
    -- A write, so that WAIT in a durable add also covers this reply.
    redis.call('HSET', results, id, known)
    return '=' .. known
  end
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  local added = append.apply(stream, payload, trace, due)
  if type(added) == 'string' then
    local starts = math.max(ms, due_at(string.match(due, '^[^%s;]*')))
    redis.call('HSET', results, id, added)
    redis.call('ZADD', ends, string.format('%.0f', starts + bound), id)
  end
  return added
end
