--- Make a group and its own stream, if they are not there.
-- @batch 16
-- @full runs         without its group a worker cannot drain the stream; groups are few
-- @include typed
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item key paused there while the group is paused
-- @item arg group  group
-- @item arg from   id after which the group begins, or $ for what comes from now on
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
