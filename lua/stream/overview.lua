--- Return the size of a stream and the names of its groups.
-- @batch 4
-- @readonly
-- @include stream/groups
-- @item key stream stream
-- @returns list    entries, bytes as Redis estimates them (-1: unknown), the groups' names

local function item(stream)
  if redis.call('EXISTS', stream) == 0 then
    return { 0, 0 }
  end
  -- Not every server has MEMORY USAGE, and not every Redis user may run it.
  local bytes = redis.pcall('MEMORY', 'USAGE', stream)
  local reply = { redis.call('XLEN', stream), type(bytes) == 'number' and bytes or -1 }
  for _, group in ipairs(groups(stream)) do
    reply[#reply + 1] = group.name
  end
  return reply
end
