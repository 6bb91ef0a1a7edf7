--- Create a group that reads from the first entry on, if it is not there.
-- @batch 16
-- @item key stream stream
-- @item arg group  group
-- @returns integer 1 when it was created, 0 when it was there

local function item(stream, group)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  if not made.err then
    return 1
  end
  if string.match(made.err, '^BUSYGROUP') then
    return 0
  end
  return made
end
