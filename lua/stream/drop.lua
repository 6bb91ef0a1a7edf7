--- Drop a group that has no live worker, with its retries, delayed entries, dead letters and outcomes.
--
-- Invariant: a group is not changed if one of its workers sent a command within `quiet`. The drop is one script, so a process that
-- dies leaves it done or not done.
-- @batch 1
-- @full runs         it deletes the group's keys
-- @include stream/groups
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key dead   stream of its dead letters
-- @item key paused exists while the group is paused
-- @item arg group  group
-- @item arg quiet  milliseconds
-- @returns integer|string 1 when it was dropped, 0 when it did not exist; the name of a consumer that is still alive

local function has(key, group)
  for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
    if found.name == group then
      return true
    end
  end
  return false
end

local function item(stream, ready, delayed, dead, paused, group, quiet)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local here = has(stream, group)
  for _, key in ipairs({ stream, ready }) do
    for _, fields in ipairs(has(key, group) and redis.call('XINFO', 'CONSUMERS', key, group) or {}) do
      local consumer = {}
      for at = 1, #fields, 2 do
        consumer[fields[at]] = fields[at + 1]
      end
      if consumer.idle < tonumber(quiet) then
        return consumer.name
      end
    end
  end
  local gone = redis.call('UNLINK', ready, delayed, dead, paused, held[1], held[2], held[3], held[4], held[5])
  if here then
    redis.call('XGROUP', 'DESTROY', stream, group)
  end
  return (here or gone > 0) and 1 or 0
end
