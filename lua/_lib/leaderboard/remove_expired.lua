-- `remove_expired(plan, windows, most)`: removes expired entries from rolling windows, at most 32 in all. Returns whether none
-- is left and, if `most` is given, at most that many were removed, so that the call may continue with its own work.
--
-- Invariant: the sum of a member in a rolling window is the sum of its entries in the log, in whole numbers, and the member is
-- in the sorted set while that sum is not zero. Each entry is removed together with its part of the sum, so that a process may
-- stop after any call.
--
-- An entry of the log has the fields `m`, the member, and `b`: the amount; or '+' when the amount is in `parts` under the
-- entry's id; or empty for a removal marker. `gone` has the marker's id under the member while the marker exists, and entries
-- before the marker do not count. Data of another program do not count.
-- @include leaderboard/board
-- @include earlier

-- Takes the amount of an entry out of `parts`.
local function take_part(window, id, member)
  local amount = redis.call('HGET', window.parts, id)
  redis.call('HDEL', window.parts, id)
  if redis.call('HGET', window.parts, '=' .. member) == id then
    redis.call('HDEL', window.parts, '=' .. member)
  end
  return amount or 0
end

local function remove_from_window(plan, window, budget)
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
    -- The whole log has expired.
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
  local markers = redis.call('EXISTS', window.gone) == 1 and redis.call('HMGET', window.gone, unpack(members))
  local sums, times, done = {}, {}, {}
  for at, member in ipairs(members) do
    local id, by = due[at][1], due[at][2][4]
    local marker = markers and markers[at]
    marker = marker and board.time_of(marker) and marker
    if by == '' then
      if marker == id then
        done[#done + 1] = member
      end
    else
      if by == '+' then
        by = take_part(window, id, member)
      end
      by = tonumber(by)
      if by and by ~= 0 and math.abs(by) < 2 ^ 53 and not (marker and earlier(id, marker)) then
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
  -- A sum of zero can become other than zero when an entry expires: the member is added again.
  board.keep_with_log(window)
  local left = due[budget + 1]
  -- The next id is not computed from this one: its second part may be too large for a double.
  redis.call('XTRIM', window.log, 'MINID', '=', left and left[1] or string.format('%.0f', bound + 1))
  return left and -1 or budget - #due
end

local DUE = 32

local function remove_expired(plan, windows, most)
  local budget = DUE
  for _, window in ipairs(windows) do
    if window.log then
      budget = remove_from_window(plan, window, budget)
      if budget < 0 then
        return false
      end
    end
  end
  return not most or DUE - budget <= most
end
