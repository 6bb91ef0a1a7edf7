--- Move a dead letter back to the ready entries of its group, with all attempts again.
--
-- Invariant: the entry is either a dead letter or ready, never both and never neither. A second call changes nothing.
-- @batch 16
-- @full runs         it moves an entry so that it is handled
-- @include stream/entry
-- @include typed
-- @item key dead     stream of dead letters
-- @item key ready    stream of entries that the group must handle again
-- @item arg position position of the dead letter
-- @returns integer   1 when it existed

local function item(dead, ready, position)
  local wrong = typed(dead, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local delivery = entry.read_ready(dead, position)
  if not delivery then
    return 0
  end
  delivery.a = 0
  entry.put_ready(ready, delivery)
  return redis.call('XDEL', dead, position)
end
