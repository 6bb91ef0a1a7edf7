--- Register an object of a feature, so that tools can list it without SCAN.
--
-- Invariant: the three keys have the same members. A member that was not registered again in time is removed, some with each call; above
-- the most, the one that was registered least recently is. The keys are read by tools only: without them every feature works.
-- @batch 32
-- @full refused      a process registers its objects again
-- @include now
-- @include typed
-- @item key names    sorted set, all scores 0: a feature and the name of an object of it, or a space
-- @item key seen     sorted set: the same, by the millisecond at which a process last registered it
-- @item key options  hash: the options that a tool needs to open it, as JSON
-- @item arg member   feature and name, or space
-- @item arg given    its options
-- @item arg lasts    milliseconds for which it stays registered
-- @item arg most     members
-- @returns integer   1 if it is new

local AT_ONCE = 16

local function item(names, seen, options, member, given, lasts, most)
  local wrong = typed(names, 'zset') or typed(seen, 'zset') or typed(options, 'hash')
  if wrong then
    return wrong
  end
  local ms = math.floor(now / 1000)
  local new = redis.call('ZADD', seen, string.format('%.0f', ms), member)
  redis.call('ZADD', names, 0, member)
  redis.call('HSET', options, member, given)
  local gone = redis.call('ZRANGE', seen, '-inf', string.format('(%.0f', ms - lasts), 'BYSCORE', 'LIMIT', 0, AT_ONCE)
  if #gone == 0 and new == 1 and redis.call('ZCARD', seen) > tonumber(most) then
    gone = redis.call('ZRANGE', seen, 0, 0)
  end
  if #gone > 0 then
    redis.call('ZREM', names, unpack(gone))
    redis.call('ZREM', seen, unpack(gone))
    redis.call('HDEL', options, unpack(gone))
  end
  for _, key in ipairs({ names, seen, options }) do
    redis.call('PEXPIRE', key, lasts)
  end
  return new
end
