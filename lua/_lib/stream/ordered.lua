-- `ordered`: adds to a stream of append.lua with order by key.
--
-- - `ordered.wrong(stream)` returns the error when the keys of places.lua have other types.
-- - `ordered.is_queued(stream, key, id)` returns whether an entry waits for a place of its key.
-- - `ordered.add(stream, key, payload, trace, own)` adds an entry of a key to the stream, or to the queue of its key. It returns the
--   entry's id, or the error of the first write. `own` has its own terms (entry.lua), or is empty.
-- @include stream/reserve
-- @include stream/places
local ordered = { wrong = nil, add = nil, is_queued = nil }

local function places_of(stream)
  stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
  return stream.held
end

function ordered.wrong(stream)
  return places.wrong(places_of(stream))
end

-- Whether an entry waits for a place of its key.
function ordered.is_queued(stream, key, id)
  return places.is_queued(places_of(stream), key, id)
end

function ordered.add(stream, key, payload, trace, own)
  local of = places_of(stream)
  local place = places.free(of, key)
  if not place then
    local id = reserve(stream)
    if type(id) == 'table' then
      return id
    end
    redis.call('HINCRBY', of.busy, '', 1)
    places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
    return id
  end
  local id
  if trace == '' and own == '' then
    id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
  else
    local add = { 'XADD', stream.key, '*', 'd', payload }
    for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
      if field[2] ~= '' then
        add[#add + 1] = field[1]
        add[#add + 1] = field[2]
      end
    end
    id = redis.pcall(unpack(add))
  end
  if type(id) ~= 'table' then
    places.take(of, place, 'm' .. id)
  end
  return id
end
