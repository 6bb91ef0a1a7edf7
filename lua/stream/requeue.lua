--- Give a dead letter back to its group, with all its attempts before it.
--
-- Invariant: it is among the dead letters or ready, never in both or neither; a second call finds nothing.
-- @batch 16
-- @full runs         it moves an entry to where it is worked off
-- @include stream/entry
-- @include typed
-- @item key dead     stream of dead letters
-- @item key ready    stream of what the group handles again
-- @item arg position of the dead letter
-- @returns integer   1 when it was there

local function item(dead, ready, position)
  local wrong = typed(dead, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local is = entry.again(dead, position)
  if not is then
    return 0
  end
  is.a = 0
  entry.ready(ready, is)
  return redis.call('XDEL', dead, position)
end
