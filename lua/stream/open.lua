--- Create a group and its stream of ready entries, if they do not exist.
-- @batch 16
-- @full runs         a worker cannot drain the stream without its group; groups are few
-- @include typed
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key paused exists while the group is paused
-- @item arg group  group
-- @item arg from   id after which the group begins, or $ for entries that are added from now on
-- @returns integer 1 when the group is paused

local function make(stream, group, from)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
  if made.err and not string.match(made.err, '^BUSYGROUP') then
    error(made)
  end
end

local function item(stream, ready, paused, group, from)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  make(ready, group, '0')
  make(stream, group, from)
  return redis.call('EXISTS', paused)
end
