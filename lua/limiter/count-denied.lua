--- Add the denials that a process counted to those of all processes, in one minute.
--
-- Invariant: the score of a member is at most the number of its denials that processes sent, and is less by at most the negative score of
-- the member ''. So what a process left out is added there, and so is the largest count that is removed for lack of room. A process that
-- dies before it sends loses its counts; one that dies after it sent has nothing left to do.
-- @batch 4
-- @full refused      counts are approximate
-- @include typed
-- @item key counts   sorted set: rule and subject, by denials; and '', by what a count lacks at most, negative
-- @item arg given    JSON: rule and subject, and a count, for each
-- @item arg lacks    how many denials of one subject the process did not count, at most
-- @item arg most     members
-- @item arg lasts    milliseconds for which they are stored
-- @returns integer   members

-- A call adds 100 at most. More are left over only where `most` became less, and following calls remove them.
local MOST_REMOVED = 500

local function item(counts, given, lacks, most, lasts)
  local damaged = typed(counts, 'zset')
  if damaged then
    return damaged
  end
  local added = cjson.decode(given)
  local missing = tonumber(lacks) - tonumber(redis.call('ZSCORE', counts, '') or 0)
  redis.call('ZREM', counts, '')
  for at = 1, #added, 2 do
    redis.call('ZINCRBY', counts, added[at + 1], added[at])
  end
  local over = math.min(redis.call('ZCARD', counts) - most, MOST_REMOVED)
  if over > 0 then
    local removed = redis.call('ZPOPMIN', counts, over)
    missing = missing + tonumber(removed[#removed])
  end
  redis.call('ZADD', counts, -missing, '')
  redis.call('PEXPIRE', counts, lasts)
  return redis.call('ZCARD', counts) - 1
end
