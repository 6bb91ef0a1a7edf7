-- `removal`: removes a member and its data from every window of a board, previous periods and the next one included, in two
-- phases.
--
-- Afterwards the member's entries in the logs of rolling windows do not count, and its increments cannot be undone. A marker at
-- the end of each log says so, until erase.lua and erase-ids.lua have deleted all data with the member's name.
--
-- - `removal.open(keys, plan)` returns the board. `plan` is JSON, see lua/_lib/leaderboard/board.lua; also `former`, indexes of the
--   sets of previous periods, and `data`, `ids`, `idlog`, `dedup`.
-- - `removal.prepare(of, member)` returns a plan. Or 0 when more entries have expired: call again. Or Redis' time, when it is
--   outside of the periods that the client sent. Or an error. It first removes at most 32 expired entries.
-- - `removal.apply(of, plan)` removes the member: '1' when it was in a current period, else '0'.
--
-- A plan depends on the stored data: apply it before the next one is prepared.
-- @include leaderboard/tell_change
-- @include leaderboard/board
-- @include leaderboard/delete_old_ids
-- @include now
-- @include leaderboard/remove_expired
-- @include typed
local removal = { open = nil, prepare = nil, apply = nil }

-- The sorted sets of periods other than the current ones.
local function sets_of_other_periods(of)
  local sets, keys = {}, of.keys
  for at, window in ipairs(of.config.windows) do
    if window.next then
      -- The next period has members when the clock was set back.
      local other = 3 - of.windows[at].period
      sets[#sets + 1] = { z = keys[window.z[other]], d = window.d and keys[window.d[other]] }
    end
  end
  for _, former in ipairs(of.config.former) do
    sets[#sets + 1] = { z = keys[former[1]], d = keys[former[2]] }
  end
  return sets
end

function removal.open(keys, plan)
  return { keys = keys, config = cjson.decode(plan), windows = nil }
end

function removal.prepare(of, member)
  local config, keys = of.config, of.keys
  of.windows = of.windows or board.open(keys, config)
  if not of.windows then
    return now
  end
  local wrong = board.wrong(config, keys, of.windows) or typed(keys[config.data], 'hash')
  if wrong then
    return wrong
  end
  local others = sets_of_other_periods(of)
  for _, set in ipairs(others) do
    local value = redis.pcall('ZSCORE', set.z, member)
    wrong = type(value) == 'table' and value or value and set.d and typed(set.d, 'zset')
    if wrong then
      return wrong
    end
    set.before = tonumber(value) or false
  end
  if not remove_expired(config, of.windows) then
    return 0
  end
  local before, logged = {}, {}
  for at, window in ipairs(of.windows) do
    before[at] = tonumber(redis.call('ZSCORE', window.z, member)) or false
    logged[at] = window.log and redis.call('EXISTS', window.log) == 1
  end
  return {
    member = member,
    before = before,
    logged = logged,
    others = others,
    has_ids = config.ids and redis.call('EXISTS', keys[config.idlog]) == 1,
  }
end

function removal.apply(of, plan)
  tell_change(of.config)
  local config, keys, member = of.config, of.keys, plan.member
  local removed = '0'
  for at, window in ipairs(of.windows) do
    local before = plan.before[at]
    if before then
      board.write(config, window, member, before, false)
      removed = '1'
    end
    if plan.logged[at] then
      if window.parts then
        redis.call('HDEL', window.parts, '=' .. member)
      end
      redis.call('HSET', window.gone, member, board.append(window.log, 'm', member, 'b', ''))
      for _, key in ipairs({ window.log, window.gone, window.parts or window.log }) do
        redis.call('PEXPIRE', key, math.ceil(window.last / 1000) + 3600000)
      end
    end
  end
  for _, set in ipairs(plan.others) do
    if set.before then
      board.write(config, set, member, set.before, false)
    end
  end
  redis.call('HDEL', keys[config.data], member)
  if plan.has_ids then
    local ids, idlog = keys[config.ids], keys[config.idlog]
    delete_old_ids(ids, idlog, config.dedup)
    redis.call('HSET', ids, 'x' .. member, board.append(idlog, 'f', 'x' .. member))
    for _, key in ipairs({ ids, idlog }) do
      redis.call('PEXPIRE', key, math.ceil(config.dedup / 1000) + 3600000)
    end
  end
  return removed
end
