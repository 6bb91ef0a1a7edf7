--- Delete an entry of an event log and append another one in its place.
--
-- Invariant: an entry is replaced once. If it is not there any more, nothing is appended. The invariant of `stream/add` too.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @shared keys of  the stream; with tags last their index, see lua/_lib/stream/tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item arg id     id of the entry
-- @item arg payload JSON text of the other one, and its tags
-- @returns integer 1 when it was replaced, 0 when it was not there, -1 when the stream is full

local stream = append.open(of, 1, limits)

local function item(id, payload)
  local may = append.prepare(stream)
  if may == false then
    return -1
  elseif may ~= true then
    return may
  end
  if not redis.call('XRANGE', of[1], id, id)[1] then
    stream.prepared = math.max(0, stream.prepared - 1)
    return 0
  end
  local added = append.apply(stream, payload, '', '')
  if type(added) == 'table' then
    return added
  end
  stream.length = stream.length - 1
  return redis.call('XDEL', of[1], id)
end
