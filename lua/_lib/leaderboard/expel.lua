-- `expel(plan, windows, beside)`: takes out of rolling windows what has to leave, at most 32 entries in all; whether
-- nothing is left to take, and, where `beside` is given, no more than that was taken, so that this call may do what it
-- came for.
--
-- Invariant: a rolling window's sum of a member is the sum of its log entries that were not taken, in whole numbers,
-- and the member is there while that is not zero. Each entry is taken together with its part of the sum, so that a
-- process may stop calling after any call.
--
-- An entry of the log is `m` member and `b`: the amount, or '+' when the amount is in `parts` under the entry's id, or
-- nothing when it marks a removal: `gone` holds its id under the member as long as it is there, and entries before it count
-- nothing.
-- What a foreign program put there counts nothing.
-- @include leaderboard/board
-- @include earlier

-- The amount of a grown entry, which is done with.
local function grown(window, id, member)
  local amount = redis.call('HGET', window.parts, id)
  redis.call('HDEL', window.parts, id)
  if redis.call('HGET', window.parts, '=' .. member) == id then
    redis.call('HDEL', window.parts, '=' .. member)
  end
  return amount or 0
end

local function settle_window(plan, window, budget)
  local bound = now - window.last
  if bound < 0 then
    return budget
  end
  local cut = string.format('%.0f', bound)
  local due = redis.call('XRANGE', window.log, '-', cut, 'COUNT', budget + 1)
  if #due == 0 then
    return budget
  end
  local newest = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1][1]
  if board.time_of(newest) <= bound then
    -- All of it has to leave.
    redis.call('UNLINK', window.z, window.log, window.gone, window.parts or window.log, window.d or window.log)
    return budget
  end
  if budget == 0 then
    return -1
  end
  local count = math.min(#due, budget)
  local members = {}
  for at = 1, count do
    members[at] = due[at][2][2]
  end
  local marks = redis.call('EXISTS', window.gone) == 1 and redis.call('HMGET', window.gone, unpack(members))
  local sums, times, done = {}, {}, {}
  for at, member in ipairs(members) do
    local id, by = due[at][1], due[at][2][4]
    local mark = marks and marks[at]
    mark = mark and board.time_of(mark) and mark
    if by == '' then
      if mark == id then
        done[#done + 1] = member
      end
    else
      if by == '+' then
        by = grown(window, id, member)
      end
      by = tonumber(by)
      if by and by ~= 0 and math.abs(by) < 2 ^ 53 and not (mark and earlier(id, mark)) then
        sums[member] = (sums[member] or 0) + by
        times[member] = plan.shift and board.time_of(id) + window.last
      end
    end
  end
  if #done > 0 then
    redis.call('HDEL', window.gone, unpack(done))
  end
  local values = redis.call('ZMSCORE', window.z, unpack(members))
  local before, after = {}, {}
  for at, member in ipairs(members) do
    local sum = sums[member]
    if sum and before[member] == nil then
      local value = tonumber(values[at]) or false
      local score = (value and board.score(plan, value) or 0) - sum
      before[member] = value
      after[member] = score ~= 0 and board.value(plan, score, times[member])
    end
  end
  board.write_all(plan, window, before, after)
  -- A sum that was zero comes back when a part of it leaves.
  board.keep_with_log(window)
  local left = due[budget + 1]
  -- Ids are not counted up: the second part of one may be too large for a double.
  redis.call('XTRIM', window.log, 'MINID', '=', left and left[1] or string.format('%.0f', bound + 1))
  return left and -1 or budget - #due
end

local DUE = 32

local function expel(plan, windows, beside)
  local budget = DUE
  for _, window in ipairs(windows) do
    if window.log then
      budget = settle_window(plan, window, budget)
      if budget < 0 then
        return false
      end
    end
  end
  return not beside or DUE - budget <= beside
end
