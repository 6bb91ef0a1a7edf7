--- Take a member off every window of a board, previous periods and the next one included, with its data.
--
-- What it has in the log of a rolling window stays there to count nothing: a mark at the end of the log says so, and goes
-- as the last of it. Touches as many sorted sets as the plan names, at most 816.
-- @batch 1
-- @full runs         it frees what the member had; its marks are smaller, and end with the log
-- @include board
-- @include forget
-- @include now
-- @include settle
-- @shared keys keys  sorted sets, logs and data, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/board.lua; also `former`, places of previous periods' sets, and `data`, `ids`, `idlog`
-- @item arg member   member
-- @returns integer|string 0: call again, more had to leave; the time, when other periods are needed; else '1' when it was on the board now, '0' when not

local config = cjson.decode(plan)

local function strike(z, d, member)
  local before = tonumber(redis.call('ZSCORE', z, member)) or false
  if before then
    board.write(config, { z = z, d = d }, member, before, false)
  end
  return before
end

local function item(member)
  local open = board.open(keys, config)
  if not open then
    return now
  end
  -- What has to leave does not count any more: a member of which nothing else is left is not there.
  if not settle(config, open) then
    return 0
  end
  local there = '0'
  for _, window in ipairs(open) do
    if strike(window.z, window.d, member) then
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
  for at, window in ipairs(config.windows) do
    if window.turn then
      -- The period after this one is there when the clock was set back.
      local other = 3 - open[at].period
      strike(keys[window.z[other]], window.d and keys[window.d[other]], member)
    end
  end
  for _, former in ipairs(config.former) do
    strike(keys[former[1]], keys[former[2]], member)
  end
  redis.call('HDEL', keys[config.data], member)
  if config.ids then
    local ids, idlog = keys[config.ids], keys[config.idlog]
    forget(ids, idlog, config.remember)
    redis.call('HSET', ids, 'x' .. member, board.append(idlog, 'f', 'x' .. member))
    for _, key in ipairs({ ids, idlog }) do
      redis.call('PEXPIRE', key, math.ceil(config.remember / 1000) + 3600000)
    end
  end
  return there
end
