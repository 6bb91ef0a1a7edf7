--- Move a dead letter back to the ready entries of its group, with all attempts again.
--
-- An entry with a key gets its place back if it stops its key. Otherwise it asks for one, and comes before those that were added later.
--
-- Invariant: the entry is either a dead letter or ready, never both and never neither. A second call changes nothing. Another payload replaces
-- its own in the same step, so that no worker gets the old one after a call that succeeded.
-- @batch 16
-- @full runs         it moves an entry so that it is handled
-- @include stream/entry
-- @include stream/placing
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua)
-- @shared most     places of a key; 0 without order
-- @item key dead     stream of dead letters
-- @item key ready    stream of entries that the group must handle again
-- @item arg position position of the dead letter
-- @item arg payload  JSON of another payload; '' to keep it
-- @returns integer   1 when it existed

local function item(dead, ready, position, payload)
  local wrong = typed(dead, 'stream') or typed(ready, 'stream') or typed(held[3], 'hash')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local delivery = entry.read_ready(dead, position)
  if not delivery then
    return 0
  end
  delivery.a = 0
  if payload ~= '' then
    delivery.d = payload
  end
  -- Its outcome is open again.
  redis.call('HDEL', held[3], 'r' .. delivery.i)
  local key = of and delivery.q
  if not key then
    entry.put_ready(ready, delivery)
  elseif places.first(of, key) == 'x' .. position then
    delivery.k = key
    places.move(of, key, 'x' .. position, 'r' .. entry.put_ready(ready, delivery))
  else
    places.enter(of, key, delivery)
  end
  return redis.call('XDEL', dead, position)
end
