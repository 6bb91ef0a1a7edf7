--- Drop a group that nobody serves, with its retry path, delayed entries and dead letters.
--
-- Invariant: a group whose worker gave a sign of life within `quiet` stays as it is. One script, so a process dies
-- before or after.
-- @batch 1
-- @full runs         it deletes what the group had
-- @include stream/groups
-- @include typed
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item key later  sorted set of what it handles again later
-- @item key dead   stream of its dead letters
-- @item key paused there while the group is paused
-- @item arg group  group
-- @item arg quiet  milliseconds
-- @returns integer|string 1 when it was dropped, 0 when nothing of it was there; the consumer that is still alive

local function has(key, group)
  for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
    if found.name == group then
      return true
    end
  end
  return false
end

local function item(stream, ready, later, dead, paused, group, quiet)
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
  local gone = redis.call('UNLINK', ready, later, dead, paused)
  if here then
    redis.call('XGROUP', 'DESTROY', stream, group)
  end
  return (here or gone > 0) and 1 or 0
end
