--- Take over entries whose workers gave no sign for longer than the lease, a bounded scan at a time.
--
-- At the end of a scan, consumers that hold nothing and were not seen for an hour are removed.
-- @batch 4
-- @item key stream   stream
-- @item arg group    group
-- @item arg consumer who takes over
-- @item arg lease    milliseconds
-- @item arg cursor   where the last scan stopped; 0-0 to begin
-- @item arg count    entries at the most
-- @returns list      the next cursor (0-0: scanned all), then id, attempt and fields of each entry

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

local function item(stream, group, consumer, lease, cursor, count)
  local claimed = redis.call('XAUTOCLAIM', stream, group, consumer, lease, cursor, 'COUNT', count)
  local reply = { claimed[1] }
  for _, entry in ipairs(claimed[2]) do
    local held = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)[1]
    reply[#reply + 1] = { entry[1], held[4], entry[2] }
  end
  if claimed[1] == '0-0' then
    reap(stream, group)
  end
  return reply
end
