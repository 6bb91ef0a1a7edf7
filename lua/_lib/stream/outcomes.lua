-- `outcomes`: how the entries ended that were added with `result`, and their progress. Such an entry has r and the milliseconds to keep its
-- outcome among its own terms (entry.lua).
--
-- The hash `results` has of each entry the fields r<id>, its outcome, and p<id>, its last progress as JSON. It also has the dedup ids of
-- unfinished entries (stream/add_unfinished.lua): u<digits> is the entry, which has u<digits> among its own terms.
-- In `due` such a field is a member as it is.
-- An outcome is d and the handler's result as JSON, or nothing; x, the kind of its dead letter, a space and the reason; or c when it was
-- cancelled. The sorted set `due` has the ids and when they are forgotten, in milliseconds: progress a week later or more, because the entry has
-- not ended. A message on the channel `channel` .. id has r or p and the same text.
-- @include now
local outcomes = { open = nil }
local MOST_FORGOTTEN, WEEK = 20, 604800000

function outcomes.open(results, due, channel)
  return { results = results, due = due, channel = channel }
end

-- Milliseconds to keep the outcome of an entry; nil when it was added without `result`.
function outcomes.kept_ms(delivery)
  return delivery.o and string.match(delivery.o, 'r(%d+)')
end

function outcomes.forget(of)
  local ms = math.floor(now / 1000)
  for _, id in ipairs(redis.call('ZRANGE', of.due, '-inf', ms, 'BYSCORE', 'LIMIT', 0, MOST_FORGOTTEN)) do
    redis.call('HDEL', of.results, 'r' .. id, 'p' .. id, id)
    redis.call('ZREM', of.due, id)
  end
end

-- `what` is r or p.
function outcomes.put(of, what, id, keep, text)
  outcomes.forget(of)
  local lasts = what == 'r' and keep or math.max(keep, WEEK)
  redis.call('HSET', of.results, what .. id, text)
  redis.call('ZADD', of.due, string.format('%.0f', math.floor(now / 1000) + lasts), id)
  redis.pcall('SPUBLISH', of.channel .. id, what .. text)
end

-- An entry ended: frees its dedup id, if it has it, and keeps its outcome if it was added with `result`.
function outcomes.keep(of, delivery, text)
  local unique = delivery.o and string.match(delivery.o, 'u%d+')
  if unique and redis.call('HGET', of.results, unique) == delivery.i then
    redis.call('HDEL', of.results, unique)
    redis.call('ZREM', of.due, unique)
  end
  local keep = outcomes.kept_ms(delivery)
  if keep then
    outcomes.put(of, 'r', delivery.i, keep, text)
  end
end

-- Outcome and progress of an entry; false for what is not there, or is past its time.
function outcomes.read(of, id)
  local ends = tonumber(redis.call('ZSCORE', of.due, id) or '0')
  if ends <= math.floor(now / 1000) then
    return false, false
  end
  return unpack(redis.call('HMGET', of.results, 'r' .. id, 'p' .. id))
end
