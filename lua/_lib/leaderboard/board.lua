-- `board`: the windows of a leaderboard, and how their sorted sets are written.
--
-- A sorted set holds a value for each member, the lowest the best. It is the score (with its sign changed on a
-- descending board) or, where ties go to who came first, `score * shift + time`.
--
-- `plan` says what the keys are:
-- - shift, since, ending, unit: of first-come ties, in microseconds; `limit` the largest score up and down
-- - windows: `z` places of the sorted set in KEYS, `d` of the set of its different scores. A calendar window has two
--   places, for the present period and the next, with `start`, `next` and `finish`, and `lives`, the time at which each
--   is no more wanted. A rolling one has places `log`, `parts` and `gone`, and `last` and `grain` in microseconds.
-- @include now
-- @include typed
local board = {}

-- The windows as they are now; nil when the client's clock is so far off that it sent other periods.
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

-- The error when a key of the windows, or of the remembered ids, holds another type than it should.
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

-- A sort value as text: whole numbers have a quicker way, which Redis 7.0 does not take by itself.
function board.text(plan, value)
  return string.format(plan.limit and '%d' or '%.17g', value)
end

-- A number as the name of a score in the set of different scores; minus zero is zero.
local function name_of(score)
  return string.format('%.17g', score + 0)
end

-- Keeps the different scores when a member's value went from `before` to `after`, each false when it was not there.
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
    if redis.call('ZCOUNT', window.z, low, high) == 0 then
      redis.call('ZREM', window.d, name_of(old))
    end
  end
end

-- Gives a member another value, or takes it off.
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

-- Gives members other values, by member, or takes them off: what `board.write` does for one.
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

-- Lets the sets of a rolling window, when they were made anew, expire as its log does.
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

-- Appends to a log whose ids are microseconds; when the clock was stepped back, behind the last id that the log gave: what
-- Redis makes of `*`, since its milliseconds are less than any microseconds.
function board.append(log, ...)
  local id = redis.pcall('XADD', log, stamp, ...)
  if type(id) == 'table' and id.err then
    return redis.call('XADD', log, '*', ...)
  end
  return id
end

-- The microseconds of an id; nil when it is none.
function board.time_of(id)
  return tonumber(string.match(id, '^(%d+)%-%d+'))
end
