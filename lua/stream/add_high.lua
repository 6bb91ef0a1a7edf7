--- Append an entry of high priority to a work queue with one group: it is stored with the entries that the group handles again, which
-- workers read beside new ones. With a dedup id once, as `stream/add_once`.
--
-- Invariant: the entry has an id that no other entry of the stream gets, and is in one place of the group.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @include stream/entry
-- @include stream/reserve
-- @include typed
-- @shared keys of  the stream, and the group's stream of ready entries; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item key added  string: the id of the entry that was added with this dedup id; without one the stream
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg own    a semicolon and the entry's own terms (entry.lua), or empty
-- @item arg window milliseconds for which the dedup id is remembered; 0: it has none
-- @returns string|null the entry's id, with a leading = if it was added before; null when the stream is full

local stream = append.open({ of[1], of[3] }, 1, limits)

function stream.count()
  return redis.pcall('XLEN', of[2])
end

function stream.put(into, payload, trace, _, own)
  local id = reserve(into)
  if type(id) == 'string' then
    entry.put_ready(of[2], { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
  end
  return id
end

local function item(added, payload, trace, own, window)
  local once = window ~= '0'
  local known = once and redis.pcall('GET', added)
  if type(known) == 'table' then
    return known
  end
  if known then
    -- A write, so that WAIT in a durable add also covers this reply.
    redis.call('SET', added, known, 'KEEPTTL')
    return '=' .. known
  end
  local wrong = typed(of[2], 'stream')
  local may = wrong or append.prepare(stream)
  if may ~= true then
    return may
  end
  local id = append.apply(stream, payload, trace, own)
  if once and type(id) == 'string' then
    redis.call('SET', added, id, 'PX', window)
  end
  return id
end
