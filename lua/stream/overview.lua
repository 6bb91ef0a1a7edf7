--- Return the size of a stream and the names of its groups.
-- @batch 4
-- @readonly
-- @include stream/groups
-- @item key stream stream
-- @returns list    entries, bytes as Redis estimates them, the groups' names

local function item(stream)
  if redis.call('EXISTS', stream) == 0 then
    return { 0, 0 }
  end
  local reply = { redis.call('XLEN', stream), redis.call('MEMORY', 'USAGE', stream) }
  for _, group in ipairs(groups(stream)) do
    reply[#reply + 1] = group.name
  end
  return reply
end
