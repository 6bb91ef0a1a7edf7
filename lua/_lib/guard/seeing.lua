-- `seeing`: ids that were seen within a time, in two phases. An object is a sorted set, id by the millisecond at which it was seen.
--
-- Bound: at most `most` ids, and those that are added until the next clean-up, which takes up to 128 of the oldest that are too many or
-- too old.
--
-- - `seeing.open(key, window, most)` makes the object. `seeing.prepare(of, id)` reads: true for a new id, false for one that was seen within
--   `window` milliseconds, or an error. `seeing.apply(of, id)` writes it. `seeing.trim(of)` is its clean-up, once in a call.
-- `seeing.see(of, id)` is both phases where nothing else depends on them: 1 for a new id, else 0, or an error.
-- @include now
local seeing = { open = nil, prepare = nil, apply = nil, trim = nil, see = nil }
local ms = math.floor(now / 1000)
local MOST_GONE = 128

function seeing.open(key, window, most)
  return { key = key, window = tonumber(window), most = tonumber(most), trimmed = false, kept = false }
end

function seeing.prepare(of, id)
  local score = redis.pcall('ZSCORE', of.key, id)
  if type(score) == 'table' then
    return score
  end
  return not score or tonumber(score) <= ms - of.window
end

function seeing.apply(of, id)
  redis.call('ZADD', of.key, ms, id)
  if not of.kept then
    of.kept = true
    redis.call('PEXPIRE', of.key, of.window)
  end
end

function seeing.see(of, id)
  local added = redis.pcall('ZADD', of.key, 'NX', ms, id)
  if added == 0 then
    -- Known, if its window is not over.
    if tonumber(redis.call('ZSCORE', of.key, id)) > ms - of.window then
      return 0
    end
    redis.call('ZADD', of.key, ms, id)
    added = 1
  end
  if added == 1 and not of.kept then
    of.kept = true
    redis.call('PEXPIRE', of.key, of.window)
  end
  return added
end

function seeing.trim(of)
  if of.trimmed then
    return
  end
  of.trimmed = true
  local over = redis.call('ZCARD', of.key) - of.most
  local due = redis.call('ZCOUNT', of.key, '-inf', ms - of.window)
  local count = math.min(MOST_GONE, math.max(over, due))
  if count > 0 then
    redis.call('ZREM', of.key, unpack(redis.call('ZRANGE', of.key, 0, count - 1)))
  end
end
