--- Delete the consumers of processes that died.
--
-- Invariant: a consumer is deleted only when no entry is pending for it, because Redis would drop its pending entries. The next
-- read of a worker that is alive after all creates its consumer again. A call deletes at most 100 consumers of each stream.
-- @batch 1
-- @full runs         it deletes consumers
-- @include typed
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item arg group  group
-- @item arg silent milliseconds without a command
-- @returns integer consumers that were deleted

local MOST = 100

local function item(stream, ready, group, silent)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local gone = 0
  for _, key in ipairs({ stream, ready }) do
    local left = MOST
    -- The error that says that the group does not exist is an empty list here.
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
