--- Make a group and its own stream, if they are not there.
-- @batch 16
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item arg group  group
-- @item arg from   id after which the group begins, or $ for what comes from now on
-- @returns integer 1 when the group was made, 0 when it was there

local function make(stream, group, from)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
  if made.err and not string.match(made.err, '^BUSYGROUP') then
    error(made)
  end
  return made.err and 0 or 1
end

local function item(stream, ready, group, from)
  make(ready, group, '0')
  return make(stream, group, from)
end
