-- `removal`: takes a member off every window of a board, previous periods and the next one included, with its data, in two
-- phases.
--
-- The member's entries in the log of a rolling window, and its remembered increments, count nothing afterwards: a mark at the
-- end of the log says so, until erase.lua and erase-ids.lua have deleted all that names the member.
--
-- - `removal.open(keys, plan)` is the board; `plan` is JSON, see lua/_lib/leaderboard/board.lua; also `former`, places of previous
--   periods' sets, and `data`, `ids`, `idlog`, `remember`.
-- - `removal.prepare(of, member)` finds where the member is: a plan; else 0 when more entries have to leave rolling windows and
--   the call is to be made again, the time when other periods are needed, or the error that says why not. At most 32 entries
--   leave first: of a member without any other entry nothing is left to remove.
-- - `removal.apply(of, plan)` removes it: '1' when it was on the board now, '0' when not.
--
-- A plan is made of what the board contains: one that was prepared is applied before the next is prepared.
-- @include leaderboard/board
-- @include leaderboard/forget
-- @include now
-- @include leaderboard/expel
-- @include typed
local removal = { open = nil, prepare = nil, apply = nil }

-- The sorted sets of other periods than the present ones.
local function sets_of_other_periods(of)
  local sets, keys = {}, of.keys
  for at, window in ipairs(of.config.windows) do
    if window.next then
      -- The period after this one exists when the clock was set back.
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
  if not expel(config, of.windows) then
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
    remembers = config.ids and redis.call('EXISTS', keys[config.idlog]) == 1,
  }
end

function removal.apply(of, plan)
  local config, keys, member = of.config, of.keys, plan.member
  local there = '0'
  for at, window in ipairs(of.windows) do
    local before = plan.before[at]
    if before then
      board.write(config, window, member, before, false)
      there = '1'
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
  if plan.remembers then
    local ids, idlog = keys[config.ids], keys[config.idlog]
    forget(ids, idlog, config.remember)
    redis.call('HSET', ids, 'x' .. member, board.append(idlog, 'f', 'x' .. member))
    for _, key in ipairs({ ids, idlog }) do
      redis.call('PEXPIRE', key, math.ceil(config.remember / 1000) + 3600000)
    end
  end
  return there
end
