-- `unique`: dedup ids of unfinished entries, in the hash and the sorted set of outcomes.lua, which also frees them. `id` is u and digits, as among
-- the entry's own terms.
--
-- - `unique.wrong(results, ends)` returns the error when the keys have other types.
-- - `unique.known(results, ends, id)` returns the unfinished entry that has the id, if any.
-- - `unique.put(results, ends, id, added, starts, bound)` gives the id to an entry, until it ends, or `bound` milliseconds after the time `starts`.
-- @include now
-- @include typed
local unique = {}

function unique.wrong(results, ends)
  return typed(results, 'hash') or typed(ends, 'zset')
end

function unique.known(results, ends, id)
  local known = redis.call('HGET', results, id)
  if known and tonumber(redis.call('ZSCORE', ends, id) or '0') > math.floor(now / 1000) then
    -- A write, so that WAIT in a durable add also covers this reply.
    redis.call('HSET', results, id, known)
    return known
  end
end

function unique.put(results, ends, id, added, starts, bound)
  redis.call('HSET', results, id, added)
  redis.call('ZADD', ends, string.format('%.0f', math.max(math.floor(now / 1000), starts) + bound), id)
end
