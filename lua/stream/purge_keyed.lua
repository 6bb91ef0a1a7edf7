--- Delete a dead letter of a stream with order by key. If it stops its key, the key goes on.
-- @batch 16
-- @full runs         it deletes a dead letter
-- @include stream/entry
-- @include stream/places
-- @include typed
-- @shared keys held its places, see lua/_lib/stream/places.lua
-- @shared most     places of a key
-- @item key dead     stream of dead letters
-- @item key ready    stream of entries that the group must handle again
-- @item arg position position of the dead letter
-- @returns integer   1 when it existed

local function item(dead, ready, position)
  local of = places.open(held[1], held[2], ready, most)
  local wrong = typed(dead, 'stream') or typed(ready, 'stream') or places.wrong(of)
  if wrong then
    return wrong
  end
  local letter = entry.read_ready(dead, position)
  if not letter then
    return 0
  end
  if letter.q and places.first(of, letter.q) == 'x' .. position then
    places.leave(of, letter.q, 'x' .. position, 1)
  end
  return redis.call('XDEL', dead, position)
end
