--- Take a member off every window of a board, previous periods and the next one included, with its data.
--
-- What it has in the log of a rolling window, or among the remembered increments, counts nothing from now on: a mark at the
-- end of the log says so, until erase.lua and erase-ids.lua took out all that names the member. Touches as many sorted sets
-- as the plan names, at most 832.
-- @batch 1
-- @full runs         it frees what the member had; its marks are smaller, and end with the log
-- @include leaderboard/board
-- @include leaderboard/forget
-- @include now
-- @include leaderboard/expel
-- @include typed
-- @shared keys keys  sorted sets, logs and data, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua; also `former`, places of previous periods' sets, and `data`, `ids`, `idlog`
-- @item arg member   member
-- @returns integer|string 0: call again, more had to leave; the time, when other periods are needed; else '1' when it was on the board now, '0' when not

local config = cjson.decode(plan)

-- The sorted sets of other periods than the present ones.
local function other_sets(open)
  local sets = {}
  for at, window in ipairs(config.windows) do
    if window.turn then
      -- The period after this one is there when the clock was set back.
      local other = 3 - open[at].period
      sets[#sets + 1] = { z = keys[window.z[other]], d = window.d and keys[window.d[other]] }
    end
  end
  for _, former in ipairs(config.former) do
    sets[#sets + 1] = { z = keys[former[1]], d = keys[former[2]] }
  end
  return sets
end

local function item(member)
  local open = board.open(keys, config)
  if not open then
    return now
  end
  local wrong = board.wrong(config, keys, open) or typed(keys[config.data], 'hash')
  local others = other_sets(open)
  for _, set in ipairs(wrong and {} or others) do
    local value = redis.pcall('ZSCORE', set.z, member)
    wrong = wrong or type(value) == 'table' and value or value and set.d and typed(set.d, 'zset')
    set.before = tonumber(value) or false
  end
  if wrong then
    return wrong
  end
  -- What has to leave does not count any more: a member of which nothing else is left is not there.
  if not expel(config, open) then
    return 0
  end
  local there = '0'
  for _, window in ipairs(open) do
    local before = tonumber(redis.call('ZSCORE', window.z, member)) or false
    if before then
      board.write(config, window, member, before, false)
      there = '1'
    end
    if window.log and redis.call('EXISTS', window.log) == 1 then
      if window.parts then
        redis.call('HDEL', window.parts, '=' .. member)
      end
      redis.call('HSET', window.gone, member, board.append(window.log, 'm', member, 'b', ''))
      for _, key in ipairs({ window.log, window.gone, window.parts or window.log }) do
        redis.call('PEXPIRE', key, math.ceil(window.last / 1000) + 3600000)
      end
    end
  end
  for _, set in ipairs(others) do
    if set.before then
      board.write(config, set, member, set.before, false)
    end
  end
  redis.call('HDEL', keys[config.data], member)
  if config.ids and redis.call('EXISTS', keys[config.idlog]) == 1 then
    local ids, idlog = keys[config.ids], keys[config.idlog]
    forget(ids, idlog, config.remember)
    redis.call('HSET', ids, 'x' .. member, board.append(idlog, 'f', 'x' .. member))
    for _, key in ipairs({ ids, idlog }) do
      redis.call('PEXPIRE', key, math.ceil(config.remember / 1000) + 3600000)
    end
  end
  return there
end
