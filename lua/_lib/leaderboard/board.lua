-- `board`: the windows of a leaderboard, and how their sorted sets are written.
--
-- A sorted set has a value for each member, and the lowest value is the best. It is the score (with its sign changed on a
-- descending board) or, with first-come ties, `score * shift + time`. With `reverse` all values have the other sign, the highest is the
-- best, and sets are read backwards, so that members with equal scores are in descending order.
--
-- `plan` describes the keys:
-- - reverse
-- - shift, since, ending, unit: of first-come ties, in microseconds; `limit`: the largest absolute score
-- - windows: `z`, the indexes of the sorted set in KEYS, and `d`, those of the set of its different scores. A calendar window has
--   two of each, for the current and the next period, with `start`, `next` and `finish`, and `lives`, the times at which they
--   expire. A rolling window has the indexes `log`, `parts` and `gone`, and `last` and `grain` (its tolerance) in microseconds.
-- @include now
-- @include typed
local board = {}

-- The windows at the current time; nil when Redis' time is outside of the periods that the client sent.
function board.open(keys, plan)
  local open = {}
  for at, window in ipairs(plan.windows) do
    local period = 1
    if window.next then
      if now < window.start or now >= window.finish then
        return nil
      end
      period = now < window.next and 1 or 2
    end
    open[at] = {
      z = keys[window.z[period]],
      d = window.d and keys[window.d[period]],
      period = period,
      lives = window.lives and window.lives[period],
      log = window.log and keys[window.log],
      parts = window.parts and keys[window.parts],
      gone = window.gone and keys[window.gone],
      last = window.last,
      grain = window.grain,
    }
  end
  return open
end

-- The error when a key of the windows, or of the stored ids, has another type than it should.
function board.wrong(plan, keys, open)
  local wrong
  for _, window in ipairs(open) do
    wrong = wrong
      or typed(window.z, 'zset')
      or window.d and typed(window.d, 'zset')
      or window.log and (typed(window.log, 'stream') or typed(window.gone, 'hash'))
      or window.parts and typed(window.parts, 'hash')
  end
  return wrong or plan.ids and (typed(keys[plan.ids], 'hash') or typed(keys[plan.idlog], 'stream'))
end

-- The score in a sort value.
function board.score(plan, value)
  return plan.shift and math.floor(value / plan.shift) or value
end

-- The sort value of a score that is reached at a time.
function board.value(plan, score, time)
  if not plan.shift then
    return score
  end
  local ticks = math.floor((time - plan.since) / plan.unit)
  return score * plan.shift + math.max(0, math.min(ticks, plan.shift - 1))
end

-- A sort value as text. %d is faster for whole numbers, and Redis 7.0 does not choose it by itself.
function board.text(plan, value)
  return string.format(plan.limit and '%d' or '%.17g', value)
end

-- A number as the name of a score in the set of different scores; minus zero is zero.
local function name_of(score)
  return string.format('%.17g', score + 0)
end

-- The members at positions from `start` to `stop`, the best first, each with its value.
function board.range(plan, set, start, stop)
  if plan.reverse then
    return redis.call('ZRANGE', set, start, stop, 'REV', 'WITHSCORES')
  end
  return redis.call('ZRANGE', set, start, stop, 'WITHSCORES')
end

-- The members at positions from `start` to `stop`, the best first.
function board.members(plan, set, start, stop)
  if plan.reverse then
    return redis.call('ZRANGE', set, start, stop, 'REV')
  end
  return redis.call('ZRANGE', set, start, stop)
end

-- The position of a member, from 0 for the best; false for none.
function board.position(plan, set, member)
  if plan.reverse then
    return redis.call('ZREVRANK', set, member)
  end
  return redis.call('ZRANK', set, member)
end

-- How many members have values from the bound `best` (false for any) to the bound `worst` (false for any).
function board.count(plan, set, best, worst)
  if plan.reverse then
    return redis.call('ZCOUNT', set, worst or '-inf', best or '+inf')
  end
  return redis.call('ZCOUNT', set, best or '-inf', worst or '+inf')
end

-- Updates the set of different scores after a member's value changed from `before` to `after`; each is false for none.
function board.differ(plan, window, before, after)
  local old = before and board.score(plan, before)
  local new = after and board.score(plan, after)
  if old == new then
    return
  end
  if new then
    redis.call('ZADD', window.d, new, name_of(new))
  end
  if old then
    local low, high = old, old
    if plan.shift then
      low, high = old * plan.shift, old * plan.shift + plan.shift - 1
    end
    -- One member answers the question with one search of the set; ZCOUNT would need four.
    if #redis.call('ZRANGE', window.z, low, high, 'BYSCORE', 'LIMIT', 0, 1) == 0 then
      redis.call('ZREM', window.d, name_of(old))
    end
  end
end

-- Changes a member's value, or removes the member.
function board.write(plan, window, member, before, after)
  if after then
    redis.call('ZADD', window.z, board.text(plan, after), member)
  else
    redis.call('ZREM', window.z, member)
  end
  if window.d then
    board.differ(plan, window, before, after)
  end
end

-- `board.write` for several members: values by member.
function board.write_all(plan, window, before, after)
  local put, off = {}, {}
  for member, value in pairs(after) do
    if value and value ~= before[member] then
      put[#put + 1] = board.text(plan, value)
      put[#put + 1] = member
    elseif not value and before[member] then
      off[#off + 1] = member
    end
  end
  if #put > 0 then
    redis.call('ZADD', window.z, unpack(put))
  end
  if #off > 0 then
    redis.call('ZREM', window.z, unpack(off))
  end
  if window.d then
    for member, value in pairs(after) do
      board.differ(plan, window, before[member], value)
    end
  end
end

-- Gives newly created sets of a rolling window the TTL of its log.
function board.keep_with_log(window)
  if redis.call('PTTL', window.z) ~= -1 then
    return
  end
  local left = redis.call('PTTL', window.log)
  redis.call('PEXPIRE', window.z, left)
  if window.d then
    redis.call('PEXPIRE', window.d, left)
  end
end

local stamp = string.format('%.0f-*', now)

-- Appends to a log whose ids are microseconds. After the clock was set back the entry gets an id after the last one of the log:
-- Redis chooses that for `*`, since the current milliseconds are less than any microseconds.
function board.append(log, ...)
  local id = redis.pcall('XADD', log, stamp, ...)
  if type(id) == 'table' and id.err then
    return redis.call('XADD', log, '*', ...)
  end
  return id
end

-- The microseconds of an id; nil for text that is not an id.
function board.time_of(id)
  return tonumber(string.match(id, '^(%d+)%-%d+'))
end
