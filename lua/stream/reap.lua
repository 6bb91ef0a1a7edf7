--- Forget the consumers of processes that died.
--
-- Invariant: only a consumer for which nothing is pending is deleted, since Redis would drop what is. A worker that comes
-- back is made anew by its next read. Deletes at most 100 of each stream a call.
-- @batch 1
-- @full runs         it deletes consumers
-- @include typed
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item arg group  group
-- @item arg silent milliseconds without a sign of life
-- @returns integer consumers forgotten

local MOST = 100

local function item(stream, ready, group, silent)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local gone = 0
  for _, key in ipairs({ stream, ready }) do
    local left = MOST
    -- An error without entries when the group is gone, and its consumers with it.
    for _, fields in ipairs(redis.pcall('XINFO', 'CONSUMERS', key, group)) do
      local consumer = {}
      for at = 1, #fields, 2 do
        consumer[fields[at]] = fields[at + 1]
      end
      if left == 0 then
        break
      end
      if consumer.pending == 0 and consumer.idle > tonumber(silent) then
        redis.call('XGROUP', 'DELCONSUMER', key, group, consumer.name)
        gone, left = gone + 1, left - 1
      end
    end
  end
  return gone
end
