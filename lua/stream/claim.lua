--- Take over entries whose workers gave no sign for longer than the lease.
--
-- When none is left, consumers that hold nothing and were not seen for an hour are removed.
-- @batch 4
-- @item key stream   stream
-- @item arg group    group
-- @item arg consumer who takes over
-- @item arg lease    milliseconds
-- @item arg count    entries at the most
-- @returns list      how many were found, then id, attempt and fields of each that is still in the stream

local HOUR = 3600000

local function reap(stream, group)
  for _, pairs_of in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local info = {}
    for at = 1, #pairs_of, 2 do
      info[pairs_of[at]] = pairs_of[at + 1]
    end
    if info.pending == 0 and info.idle > HOUR then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, info.name)
    end
  end
end

local function item(stream, group, consumer, lease, count)
  local left = redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', count)
  local reply = { #left }
  if #left == 0 then
    reap(stream, group)
    return reply
  end
  local claim, attempts = { 'XCLAIM', stream, group, consumer, lease }, {}
  for _, held in ipairs(left) do
    claim[#claim + 1] = held[1]
    attempts[held[1]] = held[4] + 1
  end
  for _, entry in pairs(redis.call(unpack(claim))) do
    -- An entry that was deleted comes as nothing.
    if entry then
      reply[#reply + 1] = { entry[1], attempts[entry[1]], entry[2] }
    end
  end
  return reply
end
