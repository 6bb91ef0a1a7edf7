-- `dedup`: the first answer of a call with an id, in two phases. The key is a string of its own for each id, with a TTL.
--
-- - `dedup.prepare(key)` returns nothing when the id is new, the first answer, or an error.
-- - `dedup.apply(key, answer, window)` stores the answer for so many milliseconds.
local dedup = { prepare = nil, apply = nil }

function dedup.prepare(key)
  return redis.pcall('GET', key) or nil
end

function dedup.apply(key, answer, window)
  redis.call('SET', key, answer, 'PX', window)
end
