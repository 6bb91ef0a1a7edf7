-- `seeing`: ids that were seen within a time, in two phases. An object is a sorted set, id by the millisecond at which it was seen.
--
-- Bound: `most` ids, and the new ones of a call. The clean-up of a call with new ids removes the oldest ids that are too many or too old: 128,
-- or twice the new ones.
--
-- - `seeing.open(key, window, most)` makes the object; `window` is in milliseconds.
-- - `seeing.prepare(of, id)` returns true for a new id, false for one that was seen within the window, or an error.
--   `seeing.apply(of, id)` writes it. `seeing.trim(of)` is the clean-up, once in a call.
-- - `seeing.see(of, ids)` is all of it for a list of ids: a list of booleans, or an error.
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

-- `added`: how many ids the call added.
function seeing.trim(of, added)
  if of.trimmed then
    return
  end
  of.trimmed = true
  local over = redis.call('ZCARD', of.key) - of.most
  local due = redis.call('ZCOUNT', of.key, '-inf', ms - of.window)
  local count = math.min(math.max(MOST_GONE, 2 * (added or 0)), math.max(over, due))
  if count > 0 then
    redis.call('ZREM', of.key, unpack(redis.call('ZRANGE', of.key, 0, count - 1)))
  end
end

function seeing.see(of, ids)
  local scores = redis.pcall('ZMSCORE', of.key, unpack(ids))
  if scores.err then
    return scores
  end
  local answers, adds, seen = {}, {}, {}
  local since, text = ms - of.window, string.format('%.0f', ms)
  for at, id in ipairs(ids) do
    local score = scores[at]
    if seen[id] or score and tonumber(score) > since then
      answers[at] = false
    else
      answers[at], seen[id] = true, true
      adds[#adds + 1] = text
      adds[#adds + 1] = id
    end
  end
  if #adds > 0 then
    redis.call('ZADD', of.key, unpack(adds))
    redis.call('PEXPIRE', of.key, of.window)
    seeing.trim(of, #adds / 2)
  end
  return answers
end
